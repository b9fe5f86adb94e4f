-- wrk's side of `make bench-sync`. Behind `--` stands what it sends:
--   push RUN BATCH SCOPES CLIENTS   pushes of BATCH new to-dos, to SCOPES scopes in turn; no id comes twice
--   post FILE                       the body in FILE, again and again
-- wrk itself counts answers that are not 2xx; what the pushes did is looked up in the logs afterwards.

local kind, run, batch, scopes
local number, fixed = 0, nil

function init(args)
    kind = args[1]
    wrk.headers["Content-Type"] = "application/json"
    if kind == "push" then
        run, batch, scopes = args[2], tonumber(args[3]), tonumber(args[4])
    else
        local file = assert(io.open(args[2], "rb"))
        fixed = wrk.format("POST", nil, nil, file:read("*a"))
        file:close()
    end
end

function request()
    if fixed then return fixed end
    local scope = number % scopes
    local mutations = {}
    for index = 1, batch do
        local id = string.format("%s-%x-%x", run, number, index)
        mutations[index] = string.format(
            '{"id":"%s","name":"todo.create","args":{"id":"%s","title":"Buy %d litres of milk"}}',
            id, id, index)
    end
    number = number + 1
    return wrk.format("POST", nil, nil, string.format(
        '{"scope":"%s-%d","client":"%s-c%d","mutations":[%s]}',
        run, scope, run, scope, table.concat(mutations, ",")))
end

// The endpoints of passkeys, for `mizu/passkeys.js`: JSON in and out, below the prefix of the
// accounts' own. Other sites' pages are kept out by the server's check of origins, and by the
// origin that each answer carries. A refusal tells a person only that it did not work; why is in
// `error`.
//
//   GET   …/passkeys                                  those of who is signed in
//   POST  …/passkeys/register/options, …/register     a question, and its answer
//   POST  …/passkeys/sign-in/options, …/sign-in       the same for anybody
//   POST  …/passkeys/remove                           {"id":"…"}

import MizuBytes
import MizuHTTP
import MizuIdentity
import MizuRouting
import MizuWebAuthn

extension App {
    /// Lets people sign in by passkeys (WebAuthn), beside their passwords. Call it once, after
    /// `accounts`.
    /// - Parameter origins: the pages that may ask, as `https://shop.example`; the host of the
    ///   first is whom passkeys are for. Nil: the scheme and host of each request, which HOSTS
    ///   should bound then.
    /// - Returns: the handle that lists and removes them.
    @discardableResult
    public func passkeys(_ accounts: Accounts, origins: [String]? = nil) -> Passkeys {
        PasskeyRecords.register(in: systemMutations)
        let passkeys = Passkeys(accounts, origins: origins)
        let routes = PasskeyRoutes(passkeys: passkeys)
        self.routes.append { routes.mount(on: &$0) }
        let script = BrowserClient.prefix + client.version + "/parts/passkey-page.js"
        accounts.passkeyScript.withLock { $0 = script }
        accounts.atDeletion.add(remove: { try await passkeys.removeAll(of: $0) })
        return passkeys
    }
}

struct PasskeyRoutes: Sendable {
    let passkeys: Passkeys
    private var prefix: String { passkeys.accounts.options.prefix + "/passkeys" }

    private static let bodyBytesMax = 65_536
    private static let bodyDepthMax = 16

    func mount(on routes: inout Routes) {
        let passkeys = passkeys
        routes.get(prefix) { (request: OwnedRequest) async throws -> Response in
            let owner = try await passkeys.owner(Accounts.Visitor(request.view))
            return Self.list(try await passkeys.list(of: owner.id))
        }
        post("/register/options", on: &routes) { _, visitor in
            Self.answer(try await passkeys.registrationQuestion(visitor))
        }
        post("/register", on: &routes) { body, visitor in
            try await passkeys.register(
                note: body.text("note"), answer: body.credential,
                name: body.optional("name") ?? visitor.device,
                password: body.optional("password"), visitor)
            return Self.done
        }
        post("/sign-in/options", on: &routes) { _, visitor in
            Self.answer(passkeys.signInQuestion(visitor))
        }
        post("/sign-in", on: &routes) { body, visitor in
            let signedIn = try await passkeys.signIn(
                note: body.text("note"), answer: body.credential, visitor)
            let home = passkeys.accounts.options.home
            var json = JSONWriter(capacity: 128)
            json.beginObject()
            json.key("user")
            json.string(signedIn.user)
            json.key("next")
            json.string(SafeTarget.path(body.optional("next") ?? "", else: home))
            json.endObject()
            var response = Response.json(json.finish())
            try signedIn.apply(to: &response)
            return response
        }
        post("/remove", on: &routes) { body, visitor in
            let owner = try await passkeys.owner(visitor)
            try await passkeys.remove(body.text("id"), of: owner.id)
            return Self.done
        }
    }

    // MARK: Bodies and answers

    /// A JSON object, each member looked up once it is needed.
    struct Body: Sendable {
        let json: JSONValue

        func optional(_ name: StaticString) -> String? { json.member(name)?.string }

        func text(_ name: StaticString) throws -> String {
            guard let text = optional(name) else { throw PasskeyRoutes.malformed }
            return text
        }

        /// What the browser made of `navigator.credentials`.
        var credential: JSONValue {
            get throws {
                guard let value = json.member("credential"), value.kind == .object else {
                    throw PasskeyRoutes.malformed
                }
                return value
            }
        }
    }

    private static let malformed = HTTPError(
        .badRequest, code: "invalid_request", message: "the body is not as it should be")

    private func post(
        _ path: String, on routes: inout Routes,
        _ work: @escaping @Sendable (Body, Accounts.Visitor) async throws -> Response
    ) {
        routes.post(prefix + path) { (request: OwnedRequest) async throws -> Response in
            let visitor = Accounts.Visitor(request.view)
            guard request.hasMediaType("application/json"), !request.hasCodedBody,
                request.bodyCount <= Self.bodyBytesMax,
                let json = try? JSON.parse(request.bodySlice(), depthMax: Self.bodyDepthMax),
                json.kind == .object
            else { throw Self.malformed }
            do {
                return try await work(Body(json: json), visitor).uncached
            } catch let error as AccountError {
                return error.response.uncached
            } catch let refusal as WebAuthnRefusal {
                throw HTTPError(.forbidden, code: "unauthenticated", message: "\(refusal)")
            }
        }
    }

    private static func answer(_ question: Passkeys.Question) -> Response {
        var json = JSONWriter(capacity: 1_024)
        json.beginObject()
        json.key("note")
        json.string(question.note)
        json.key("options")
        json.raw(question.options)
        json.endObject()
        return .json(json.finish())
    }

    private static func list(_ infos: [Passkeys.Info]) -> Response {
        var json = JSONWriter(capacity: 256)
        json.beginObject()
        json.key("passkeys")
        json.beginArray()
        for info in infos {
            json.beginObject()
            json.key("id")
            json.string(info.id)
            json.key("name")
            json.string(info.name)
            json.key("created")
            json.int(Int(info.createdMilliseconds))
            json.key("seen")
            json.int(Int(info.seenMilliseconds))
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return Response.json(json.finish()).uncached
    }

    private static var done: Response { .json(ByteSlice("{}")) }
}

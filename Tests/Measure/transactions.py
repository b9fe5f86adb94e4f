"""Transactions for pgbench, beside which `make bench-cluster` sets a push: a row alone, and all that
a push of one mutation asks and writes, by the tables of `Sources/SyncPostgres/Schema.swift`. What the
second takes is PostgreSQL's own share of a push and the two ways there; the rest is the node's.
"""

ONE_ROW = "INSERT INTO one (v) VALUES (decode(repeat('ab', 100), 'hex'));\n"
# The rows of a push of one mutation, in two round trips like its own: what is left of a push beside
# this is the node's. Numbers stand for names, so that the script needs no tables of them.
WRITES_OF_A_PUSH = r"""
\set id random(1, 1000000000000000)
\startpipeline
BEGIN;
SELECT cursor, base, records FROM mizu_scope WHERE name = 'pgbench' FOR NO KEY UPDATE;
SELECT m.epoch, o.cursor, c.pushed, r.version FROM mizu_meta m
LEFT JOIN mizu_outcome o ON o.scope = 'pgbench' AND o.mutation = int8send(:id)
LEFT JOIN mizu_client c ON c.scope = 'pgbench' AND c.client = 'client'
LEFT JOIN mizu_record r ON r.scope = 'pgbench' AND r.entity = 'todo' AND r.id = int8send(:id);
\endpipeline
\startpipeline
WITH total AS (
    INSERT INTO mizu_total AS t(lane, aging, outcomes) VALUES (1000, 0, 1)
    ON CONFLICT (lane) DO UPDATE SET outcomes = t.outcomes + 1),
outcome AS (
    INSERT INTO mizu_outcome VALUES ('pgbench', int8send(:id), 1, 1, '', '', '', 1, 1, '',
        'client', 1)),
client AS (
    INSERT INTO mizu_client VALUES ('pgbench', 'client', '', 1, 1)
    ON CONFLICT (scope, client) DO UPDATE SET pushed = 1, outcomes = excluded.outcomes),
record AS (
    INSERT INTO mizu_record VALUES ('pgbench', 'todo', int8send(:id), 1, repeat('x', 80)::bytea)),
log AS (
    INSERT INTO mizu_log VALUES ('pgbench', :id, :id, 1, '', repeat('x', 160)::bytea))
UPDATE mizu_scope SET cursor = cursor + 1 WHERE name = 'pgbench';
COMMIT;
\endpipeline
"""

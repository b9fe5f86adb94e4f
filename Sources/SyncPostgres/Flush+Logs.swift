// What a transaction appends to the logs of its scopes, and what it trims there, as statements over
// arrays: a row for each mutation. Part of Flush; a value that knows no connection.

import MizuBytes
import MizuSync

extension Flush {
    private static let insertEpochs = Statement(
        "m_w_epochs",
        """
        INSERT INTO mizu_epoch(scope, first, epoch)
        SELECT * FROM unnest($1::bytea[], $2::int8[], $3::bytea[])
        ON CONFLICT (scope, first) DO UPDATE SET epoch = excluded.epoch
        """)
    private static let insertLog = Statement(
        "m_w_log",
        """
        INSERT INTO mizu_log(scope, last, first, time, ends, bytes)
        SELECT * FROM unnest(
            $1::bytea[], $2::int8[], $3::int8[], $4::int8[], $5::bytea[], $6::bytea[])
        """)
    private static let trimLog = Statement(
        "m_w_trim",
        """
        DELETE FROM mizu_log l USING unnest($1::bytea[], $2::int8[]) AS n(scope, base)
        WHERE l.scope = n.scope AND l.last <= n.base
        """)
    /// The epoch of the change at the border itself is still asked for.
    private static let trimEpochs = Statement(
        "m_w_trim_epochs",
        """
        DELETE FROM mizu_epoch e USING unnest($1::bytea[], $2::int8[]) AS n(scope, base)
        WHERE e.scope = n.scope AND e.first < (
            SELECT max(k.first) FROM mizu_epoch k WHERE k.scope = n.scope AND k.first <= n.base)
        """)

    mutating func logs(_ transaction: OpenTransaction) {
        var (epochScopes, epochFirsts, epochs) = (Column(), NumberColumn(), Column())
        var rows = LogColumns()
        var hasEpochs = false
        for write in transaction.writes {
            switch write {
            case .epoch(let scope, let epoch, let first):
                hasEpochs = true
                epochScopes.append(scope)
                epochFirsts.append(first)
                epochs.append(epoch)
            case .entry(let scope, let entry): rows.append(entry, of: scope)
            default: break
            }
        }
        if hasEpochs {
            queries.append(
                Query(Self.insertEpochs).with(epochScopes).with(epochFirsts).with(epochs))
        }
        if rows.count > 0 {
            queries.append(
                Query(Self.insertLog).with(rows.scopes).with(rows.lasts).with(rows.firsts)
                    .with(rows.times).with(rows.ends).with(rows.bytes))
        }
        guard !transaction.overlay.trims.isEmpty else { return }
        var (scopes, bases) = (Column(), NumberColumn())
        for (scope, base) in transaction.overlay.trims {
            scopes.append(scope)
            bases.append(base)
        }
        queries.append(Query(Self.trimLog).with(scopes).with(bases))
        queries.append(Query(Self.trimEpochs).with(scopes).with(bases))
    }
}

/// Rows of the log: one mutation each.
private struct LogColumns {
    var (scopes, ends, bytes) = (Column(), Column(), Column())
    var (lasts, firsts, times) = (NumberColumn(), NumberColumn(), NumberColumn())
    var count = 0

    /// Takes an entry apart where it has several mutations.
    mutating func append(_ entry: LogEntry, of scope: Name) {
        var first = entry.first
        for (index, last) in entry.borders.enumerated() {
            let range = first - entry.first..<last - entry.first + 1
            guard range.upperBound <= entry.ends.count, let stop = entry.ends[range].last else {
                continue
            }
            let start = range.lowerBound == 0 ? 0 : entry.ends[range.lowerBound - 1] + 1
            scopes.append(scope)
            lasts.append(last)
            firsts.append(first)
            times.append(
                Int(
                    index < entry.timesMilliseconds.count
                        ? entry.timesMilliseconds[index] : entry.timeMilliseconds))
            ends.append(Rows.marks(entry.ends[range], from: start))
            bytes.append(entry.bytes[start..<stop])
            first = last + 1
            count += 1
        }
    }
}

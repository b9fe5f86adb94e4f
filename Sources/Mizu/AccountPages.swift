// The pages of accounts: an app's own templates below `views/accounts/`, or these. They are plain
// HTML with labels, the right `autocomplete`, and one small style sheet; they need no JavaScript
// and pass the strict Content-Security-Policy. Both kinds are given the same data, so a template
// may begin as a copy (people.md, "Accounts"). Read-only; any thread.

import MizuBytes
import MizuHTTP
import MizuView

struct AccountPages: Sendable {
    /// A page; the text is its template's name.
    enum Page: String, CaseIterable {
        case signIn = "sign-in"
        case signUp = "sign-up"
        case account = "account"
        case reset = "reset"
        case resetSent = "reset-sent"
        case resetNew = "reset-new"
    }

    let canReset: Bool
    private let tokens: AccountTokens
    /// The path of the script that shows passkeys; nil: the app has none.
    private let passkeyScript: @Sendable () -> String?
    private let options: AccountOptions
    private let own: Views?
    private let ownPages: Set<String>
    private let builtIn: ViewSet?

    init(
        _ options: AccountOptions, views: Views?, assets: Assets, canReset: Bool,
        tokens: AccountTokens, passkeyScript: @escaping @Sendable () -> String?
    ) {
        self.options = options
        self.canReset = canReset
        self.tokens = tokens
        self.passkeyScript = passkeyScript
        own = views
        ownPages =
            views == nil
            ? []
            : Set(
                Page.allCases.map(\.rawValue).filter {
                    assets["views/accounts/\($0).html"] != nil
                })
        // They are ours and tested, so that all of them compile is our own business.
        builtIn = try? ViewSet(
            paths: AccountTemplates.all.keys.map { $0 + ".html" }, mode: .compiledOnce
        ) { path in
            AccountTemplates.all[String(path.dropLast(".html".count))].map { ByteSlice($0) }
        }
    }

    /// The style sheet of the built-in pages.
    var style: Response {
        var response = Response(
            status: .ok, mediaType: .of(path: "pages.css"),
            body: .slice(ByteSlice(AccountTemplates.style)))
        response.set("Cache-Control", literal: "max-age=3600")
        return response
    }

    /// A page with a form.
    /// - Parameters:
    ///   - kept: what the person has typed before, and what the form carries on.
    ///   - error: what is wrong, in words.
    func render(
        _ page: Page, _ kept: [String: String], error: String? = nil, status: HTTPStatus = .ok
    ) -> Response {
        render(page, members(kept.map { ($0.key, .string($0.value)) }, error), status)
    }

    /// The page of an account.
    func render(
        _ account: Accounts.Account, _ sessions: [Accounts.Session],
        _ tokens: [AccessTokens.Info], credential: String?, error: String?, status: HTTPStatus
    ) -> Response {
        let rows = sessions.map { session in
            Self.object([
                ("id", .string(session.credential)), ("device", .string(session.device)),
                ("address", .string(session.address)),
                ("seen", .string(Self.day(session.seenMilliseconds))),
                ("created", .string(Self.day(session.createdMilliseconds))),
                ("is_this", .bool(session.credential == credential)),
            ])
        }
        let tokenRows = tokens.map { token in
            Self.object([
                ("id", .string(token.id)), ("name", .string(token.name)),
                ("reach", .string(token.reach)),
                ("created", .string(Self.day(token.createdMilliseconds))),
                ("until", token.untilMilliseconds.map { .string(Self.day($0)) } ?? .null),
            ])
        }
        let data = members(
            [
                ("email", .string(account.email)), ("name", .string(account.name)),
                ("sessions", .list(rows)), ("has_others", .bool(sessions.count > 1)),
                ("tokens", .list(tokenRows)),
            ], error, hasTokens: !tokens.isEmpty)
        return render(.account, data, status)
    }

    /// - Parameter hasTokens: nil: not known of this person, but of the app.
    private func members(
        _ members: [(String, ViewValue)], _ error: String?, hasTokens: Bool? = nil
    ) -> ViewValue {
        Self.object(
            members + [
                ("has_tokens", .bool(hasTokens ?? tokens.isThere)),
                ("prefix", .string(options.prefix)), ("home", .string(options.home)),
                ("title", .string(options.title)), ("can_reset", .bool(canReset)),
                ("can_sign_up", .bool(options.signUp == .open)),
                ("password_min", .integer(options.passwords.countMin)),
                ("error", error.map { .string($0) } ?? .null),
                ("passkeys", passkeyScript().map { .string($0) } ?? .null),
            ])
    }

    private static func object(_ members: [(String, ViewValue)]) -> ViewValue {
        .object(ViewObject(members.map { (key: ByteSlice($0.0), value: $0.1) }))
    }

    private func render(_ page: Page, _ data: ViewValue, _ status: HTTPStatus) -> Response {
        if let own, ownPages.contains(page.rawValue) {
            return own.render("accounts/" + page.rawValue, data, status: status)
        }
        guard let builtIn else { return .status(.internalServerError) }
        do {
            return .html(try builtIn.render(page.rawValue, data), status: status)
        } catch {
            return Response(internal: error)
        }
    }

    /// A day, UTC: a list of sessions needs no more.
    private static func day(_ milliseconds: Int64) -> String {
        let text = RFC3339.text(millisecondsSince1970: Int(milliseconds))
        return String(decoding: text.prefix(10), as: UTF8.self)
    }
}

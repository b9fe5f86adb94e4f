// What the guide to testing shows of browsers: an app whose people sign in on a page of its own, in
// the smallest form that there is.

import Mizu
import MizuTesting
import Testing

@Suite("Signing in, in the guide to testing")
struct SignInTests {
    @Sendable private static func makeApp(_ configuration: Configuration) throws -> App {
        let app = try App(configuration, assets: .none)
        app.use { request in
            request.user = request.cookie("name")
            return nil
        }
        app.get("/me") { request in .text(request.user ?? "nobody") }
        app.post("/sign-in") { request in
            var response = Response.redirect(to: "/me")
            try response.set(SetCookie("name", try request.form()["name"] ?? ""))
            return response
        }
        return app
    }

    @Test("each browser has cookies of its own")
    func signIn() async throws {
        let app = try TestApp(Self.makeApp)
        let (ann, bob) = (app.browser(), app.browser())
        let signedIn = try await ann.post("/sign-in", form: ["name": "ann"], redirects: .followed)
        #expect(signedIn.text == "ann")
        #expect(try await bob.get("/me").text == "nobody")
        #expect(ann.cookies["name"] == "ann")
    }
}

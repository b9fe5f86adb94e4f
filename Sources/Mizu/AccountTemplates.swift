// The built-in pages of accounts, as templates. An app replaces one by a file of the same name
// below `views/accounts/`; what a page is given is in people.md, "Accounts". Text alone.

enum AccountTemplates {
    static let all: [String: String] = [
        "layout": layout, "sign-in": signIn, "sign-up": signUp, "account": account,
        "reset": reset, "reset-sent": resetSent, "reset-new": resetNew,
    ]

    private static let layout = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        <title>{{$heading}}{{/heading}} · {{title}}</title>
        <link rel="stylesheet" href="{{prefix}}/pages.css">
        {{#passkeys}}<script type="module" src="{{passkeys}}"></script>{{/passkeys}}
        </head>
        <body>
        <header><a href="{{home}}">{{title}}</a></header>
        <main>
        <h1>{{$heading}}{{/heading}}</h1>
        {{#error}}<p class="error" role="alert" id="error">{{error}}</p>{{/error}}
        {{$content}}{{/content}}
        </main>
        </body>
        </html>

        """

    private static let signIn = """
        {{<layout}}
        {{$heading}}Sign in{{/heading}}
        {{$content}}
        <form method="post" action="{{prefix}}/sign-in">
        {{#next}}<input type="hidden" name="next" value="{{next}}">{{/next}}
        <p><label for="email">E-mail address</label>
        <input id="email" name="email" type="email" autocomplete="username" value="{{email}}"
        required></p>
        <p><label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password"
        required></p>
        <p><button type="submit">Sign in</button></p>
        </form>
        {{#passkeys}}<div id="passkeys" data-for="sign-in" data-prefix="{{prefix}}"
        hidden></div>{{/passkeys}}
        {{#can_reset}}<p><a href="{{prefix}}/reset">I have forgotten my
        password</a></p>{{/can_reset}}
        {{#can_sign_up}}<p><a href="{{prefix}}/sign-up">Make an account</a></p>{{/can_sign_up}}
        {{/content}}
        {{/layout}}

        """

    private static let signUp = """
        {{<layout}}
        {{$heading}}Make an account{{/heading}}
        {{$content}}
        <form method="post" action="{{prefix}}/sign-up">
        {{#next}}<input type="hidden" name="next" value="{{next}}">{{/next}}
        {{#invitation}}<input type="hidden" name="invitation" value="{{invitation}}">{{/invitation}}
        <p><label for="name">Name, as others see it</label>
        <input id="name" name="name" type="text" autocomplete="name" maxlength="80"
        value="{{name}}" required></p>
        <p><label for="email">E-mail address</label>
        <input id="email" name="email" type="email" autocomplete="username" value="{{email}}"
        required></p>
        <p><label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="new-password"
        minlength="{{password_min}}" aria-describedby="rules" required></p>
        <p id="rules" class="hint">At least {{password_min}} characters. A sentence is good.</p>
        <p><button type="submit">Make the account</button></p>
        </form>
        <p><a href="{{prefix}}/sign-in">I have an account</a></p>
        {{/content}}
        {{/layout}}

        """

    private static let account = """
        {{<layout}}
        {{$heading}}Account{{/heading}}
        {{$content}}
        <p>{{name}}, {{email}}</p>
        <p><a href="{{home}}">Back to {{title}}</a></p>
        <form method="post" action="{{prefix}}/sign-out">
        <button type="submit">Sign out</button>
        <button type="submit" name="everywhere" value="1">Sign out everywhere</button>
        {{#has_tokens}}<p class="hint">Your <a href="#tokens">tokens for scripts</a> stay.</p>
        {{/has_tokens}}
        </form>
        <h2>Name</h2>
        <form method="post" action="{{prefix}}/name">
        <p><label for="name">Name, as others see it</label>
        <input id="name" name="name" type="text" autocomplete="name" maxlength="80"
        value="{{name}}" required></p>
        <p><button type="submit">Change the name</button></p>
        </form>
        <h2>Password</h2>
        <form method="post" action="{{prefix}}/password">
        <input type="hidden" name="username" value="{{email}}" autocomplete="username">
        <p><label for="old">Present password</label>
        <input id="old" name="old" type="password" autocomplete="current-password" required></p>
        <p><label for="new">New password</label>
        <input id="new" name="password" type="password" autocomplete="new-password"
        minlength="{{password_min}}" required></p>
        {{#has_tokens}}<p><label class="choice"><input name="tokens" type="checkbox" value="revoke">
        Revoke my tokens for scripts, too</label></p>{{/has_tokens}}
        <p><button type="submit">Change the password</button></p>
        <p class="hint">Every other device is signed out then.</p>
        </form>
        {{#passkeys}}<section id="passkeys" data-prefix="{{prefix}}" hidden>
        <h2>Passkeys</h2></section>{{/passkeys}}
        <h2>Where you are signed in</h2>
        <ul>
        {{#sessions}}
        <li>
        <form method="post" action="{{prefix}}/sessions">
        <span>{{device}}, {{address}}, last seen {{seen}}{{#is_this}} (this one){{/is_this}}</span>
        {{^is_this}}<button type="submit" name="session" value="{{id}}">Sign out<span
        class="hidden"> {{device}}, {{address}}</span></button>{{/is_this}}
        </form>
        </li>
        {{/sessions}}
        </ul>
        {{#has_others}}
        <form method="post" action="{{prefix}}/sessions">
        <button type="submit" name="session" value="others">Sign out all others</button>
        </form>
        {{/has_others}}
        {{#has_tokens}}
        <h2 id="tokens">Tokens for scripts</h2>
        <ul>
        {{#tokens}}
        <li>
        <form method="post" action="{{prefix}}/tokens">
        <span>{{name}}: {{reach}}, made {{created}}{{#until}}, until {{until}}{{/until}}</span>
        <button type="submit" name="token" value="{{id}}">Revoke<span
        class="hidden"> {{name}}</span></button>
        </form>
        </li>
        {{/tokens}}
        </ul>
        <form method="post" action="{{prefix}}/tokens">
        <button type="submit" name="token" value="all">Revoke all tokens</button>
        </form>
        {{/has_tokens}}
        <h2>Delete the account</h2>
        <form method="post" action="{{prefix}}/delete">
        <p class="hint">What nobody else shares with you is deleted with it, for good.</p>
        <p><label for="sure">Present password</label>
        <input id="sure" name="password" type="password" autocomplete="current-password"
        required></p>
        <p><button type="submit" class="danger">Delete the account</button></p>
        </form>
        {{/content}}
        {{/layout}}

        """

    private static let reset = """
        {{<layout}}
        {{$heading}}A new password{{/heading}}
        {{$content}}
        <form method="post" action="{{prefix}}/reset">
        <p><label for="email">E-mail address</label>
        <input id="email" name="email" type="email" autocomplete="username" value="{{email}}"
        required></p>
        <p><button type="submit">Send me a link</button></p>
        </form>
        <p><a href="{{prefix}}/sign-in">Back to the sign-in</a></p>
        {{/content}}
        {{/layout}}

        """

    private static let resetSent = """
        {{<layout}}
        {{$heading}}Look into your mail{{/heading}}
        {{$content}}
        <p>If there is an account with this address, a link to choose a new password is under
        way.</p>
        {{#link}}<p>In development: <a href="{{link}}">the link</a>.</p>{{/link}}
        <p><a href="{{prefix}}/sign-in">Back to the sign-in</a></p>
        {{/content}}
        {{/layout}}

        """

    private static let resetNew = """
        {{<layout}}
        {{$heading}}A new password{{/heading}}
        {{$content}}
        <form method="post" action="{{prefix}}/reset/new">
        <input type="hidden" name="token" value="{{token}}">
        <p><label for="password">New password</label>
        <input id="password" name="password" type="password" autocomplete="new-password"
        minlength="{{password_min}}" aria-describedby="rules" required></p>
        <p id="rules" class="hint">At least {{password_min}} characters. Every device is signed out
        then.</p>
        {{#has_tokens}}<p><label class="choice"><input name="tokens" type="checkbox" value="revoke">
        Revoke my tokens for scripts, too, if I have any</label></p>{{/has_tokens}}
        <p><button type="submit">Set the password</button></p>
        </form>
        {{/content}}
        {{/layout}}

        """

    static let style = """
        :root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
        body { margin: 0 auto; max-width: 30rem; padding: 1rem; }
        header a { color: inherit; font-weight: 600; text-decoration: none; }
        h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
        label { display: block; font-weight: 600; }
        input { box-sizing: border-box; font: inherit; padding: .5rem; width: 100%; }
        .choice { font-weight: 400; } input[type=checkbox] { width: auto; }
        button { font: inherit; padding: .5rem .9rem; }
        .hint { opacity: .8; } .error { border-left: .3rem solid #c22; padding-left: .7rem; }
        .danger { color: #c22; } ul { list-style: none; padding: 0; } li { margin: .5rem 0; }
        .hidden { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width:
        1px; }

        """
}

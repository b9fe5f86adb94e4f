// The words that people build their first passwords from, in English and a few other languages.
// Written from general knowledge of what such passwords look like; no list was copied.
// PasswordRules says what is made of them.

enum CommonWords {
    static let all: Set<String> = Set(
        text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))

    private static let text = """
        password passwort passwd pass passw0rd passe motdepasse contrasena clave senha parola
        haslo heslo wachtwoord losenord salasana geheim secret secure security private login logon
        signin signup admin administrator root user username guest test tester testing demo
        default change changeme changeit letmein welcome willkommen bienvenue welkom hello hallo
        hola bonjour ciao hey computer internet server system master mustang dragon monkey shadow
        sunshine princess princesa football fussball soccer baseball basketball hockey tennis golf
        superman batman spiderman ironman starwars pokemon naruto hunter killer ninja pirate
        wizard knight warrior samurai phoenix tiger lion eagle wolf panther dolphin turtle
        butterfly flower rose lily daisy jasmine summer winter spring autumn sommer fruehling
        herbst january february march april may june july august september october november
        december monday tuesday wednesday thursday friday saturday sunday morning night love
        loveme lovely lover iloveyou ilove you iloveu teamo amor jetaime liebe ichliebedich schatz
        schatzi baby babygirl babyboy angel angels heaven jesus christ god godisgood blessed faith
        grace hope peace freedom liberty america canada england germany deutschland france italy
        spain mexico brazil london berlin paris madrid chicago boston texas dallas houston denver
        newyork arsenal chelsea liverpool manchester barcelona realmadrid juventus bayern dortmund
        cowboys yankees lakers eagles steelers packers raiders patriots rangers michael jordan
        jennifer jessica ashley amanda daniel andrew joshua matthew anthony robert william thomas
        charles charlie george james john peter paul mark david richard joseph alexander nicole
        michelle elizabeth samantha stephanie melissa sarah maria marie anna hannah laura julia
        sophie emma olivia lisa linda barbara susan patricia nancy karen betty helen sandra donna
        carol ruth sharon alex max oliver harry jack oscar felix simon stefan andreas martin
        christian sebastian florian lukas tobias jan maggie buddy bailey cooper bella lucky rocky
        molly sadie ginger pepper pumpkin cookie chocolate cheese banana apple orange cherry
        strawberry peach mango coffee pizza whiskey vodka guitar music rock metal rockstar piano
        money dollar cash rich million fuck fuckyou fuckoff asshole shit sexy hot hottie
        sex whatever nothing something anything everything forever always
        never trustno one two three four five six seven eight nine ten hundred thousand zero
        number first last new old big little black white red blue green yellow purple silver
        golden gold diamond crystal magic mystic star stars moon sun sky rainbow thunder storm
        lightning fire ice water ocean river mountain forest garden house home family mother
        father mama papa mom dad sister brother daughter son friend friends bestfriend freund
        freunde school college university student teacher doctor nurse police soldier marine army
        navy captain king queen prince duke lord lady boss chief hero legend champion winner loser
        player gamer game games gaming xbox playstation nintendo minecraft fortnite roblox
        warcraft counterstrike zelda mario sonic matrix avatar hobbit gandalf merlin frodo snoopy
        garfield mickey minnie donald tweety kitty hellokitty puppy doggy dog cat kitten horse
        pony rabbit bunny bear panda elephant giraffe zebra chicken duck fish shark whale snake
        spider bird parrot falcon hawk raven ferrari porsche mercedes bmw audi honda toyota nissan
        corvette camaro harley yamaha suzuki kawasaki google facebook twitter instagram youtube
        linkedin myspace yahoo hotmail gmail microsoft windows linux ubuntu debian android samsung
        nokia iphone oracle cisco qwerty qwertz azerty asdf zxcv qazwsx abc abcd abcdef aaa xxx
        asd qwe foo bar baz foobar lorem ipsum dolor company office work business manager sales
        service support backup access enter open sesame opensesame please thankyou thanks goodbye
        goodluck luck happy smile crazy super cool awesome great good bad evil devil demon satan
        hell death dead zombie vampire ghost monster beast giant dwarf elf fairy unicorn mermaid
        treasure island paradise dream dreams sweet sweetheart honey sugar candy cupcake muffin
        brownie darling dear cutie beauty beautiful pretty handsome single married engaged wedding
        birthday christmas halloween easter vacation holiday travel airplane flight pilot train
        ship boat car truck bike motorcycle racing speed fast furious turbo power energy force
        strong weak soft hard heart soul mind body blood bone skin hair eyes kiss hug
        """
}

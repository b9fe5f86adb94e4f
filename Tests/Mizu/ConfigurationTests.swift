// The one table of settings: what it takes and what it refuses, in which words. That the guide and
// the command say the same is a tidy test's.

import Logging
import MizuDoor
import MizuHTTP
import MizuRouting
import MizuServer
import Testing

@testable import Mizu

@Suite("Settings")
struct ConfigurationTests {
    @Test("a setting's name, its flag's and its first sentence are its own")
    func rows() {
        let settings = Configuration.settings
        #expect(Set(settings.map(\.name)).count == settings.count)
        for setting in settings {
            #expect(setting.name.allSatisfy { $0.isUppercase || $0 == "_" })
            #expect(setting.help.hasSuffix("."), "\(setting.name)")
            #expect(!setting.fallback.isEmpty && setting.fallback != "``", "\(setting.name)")
        }
    }

    @Test("what a row shows as its default is understood, and changes nothing")
    func defaults() throws {
        for setting in Configuration.settings where setting.fallback.hasPrefix("`") {
            let text = String(setting.fallback.dropFirst().prefix { $0 != "`" })
            var configuration = Configuration()
            try configuration.set(setting.name, to: text)
            // What has no `==` of its own.
            #expect(configuration.limits.connectionsMax == nil)
            #expect(configuration.limits.idleMilliseconds == 75_000)
            #expect(configuration.limits.queuedBytesMax == 128 << 20)
            #expect(configuration.deflate?.compressorBytesMax == 4 << 20)
            #expect(configuration.sync.logMillisecondsMax == 7 * 86_400_000)
            #expect(configuration.addresses == Configuration().addresses)
        }
    }

    @Test("no flag holds a secret, and no complaint repeats one")
    func secrets() throws {
        var configuration = Configuration()
        for (name, text) in [
            ("SESSION_SECRET", String(repeating: "k", count: 40)),
            ("DATABASE_URL", "postgres://ann:letmein@db.example/shop"),
            ("DATABASE_URL", "postgres://db.example/shop?user=ann&password=letmein"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try configuration.set(name, toFlag: text)
            }
            let words = error.map { "\($0)" } ?? ""
            #expect(words.contains("set \(name) in the environment"))
            #expect(!words.contains("letmein") && !words.contains("kkk"))
        }
        try configuration.set("DATABASE_URL", toFlag: "sqlite:a@b:c.db")
        try configuration.set("ADDR", toFlag: "127.0.0.1:80")
        for name in ["DATABASE_URL", "DATABASE_LISTEN_URL", "DATABASE_READ_URL", "REDIS_URL"] {
            for text in [
                "postgress://ann:letmein@db.example/shop", "postgres:/ann:letmein@db.example/shop",
                "ann:letmein@db.example/shop", "postgres:/ann:letmein%40db.example/shop",
            ] {
                let typo = #expect(throws: ConfigurationError.self) {
                    try configuration.set(name, to: text)
                }
                #expect(typo.map { "\($0)".contains("letmein") } == false, "\(name)=\(text)")
            }
        }
        // Where nobody expects a URL, and in a flag.
        for text in ["postgres:/ann:letmein@db.example/shop", "ann:letmein@db.example/shop"] {
            let misplaced = #expect(throws: ConfigurationError.self) {
                try configuration.set("WORKERS", to: text)
            }
            #expect(misplaced.map { "\($0)".contains("letmein") } == false)
            let flag = #expect(throws: ConfigurationError.self) {
                try configuration.set("DATABASE_URL", toFlag: text)
            }
            #expect(flag.map { "\($0)".contains("must not hold a password") } == true)
        }
    }

    @Test("only this machine is served unless somebody says otherwise, by TLS too")
    func addresses() throws {
        func addresses(_ environment: [String: String]) throws -> [String] {
            let settings = try Configuration.from(environment: environment)
            let secure = settings.tls.addressesInForce(beside: settings.addresses)
            return (settings.addresses + secure).map(\.description)
        }
        let secure = ["TLS_SELF_SIGNED": "true"]
        func with(_ more: [String: String]) -> [String: String] { secure.merging(more) { $1 } }
        #expect(try addresses([:]) == ["127.0.0.1:8080"])
        #expect(try addresses(secure) == ["127.0.0.1:8080", "127.0.0.1:8443"])
        #expect(try addresses(with(["ADDR": ":80"])) == [":80", ":8443"])
        #expect(
            try addresses(with(["ADDR": "[::1]:1,127.0.0.1:1,[::1]:2"])).suffix(2)
                == ["[::1]:8443", "127.0.0.1:8443"])
        #expect(try addresses(with(["TLS_ADDR": ":443"])) == ["127.0.0.1:8080", ":443"])
    }

    @Test("the settings of who may talk to the server are understood")
    func origins() throws {
        let none = try Configuration.from(environment: [:])
        #expect(none.hosts == .own && none.allowedOrigins == Configuration.AllowedOrigins())
        let some = try Configuration.from(environment: [
            "HOSTS": "a.example,*.b:81", "ALLOWED_ORIGINS": "https://c,*", "HTTPS_PORT": "443",
        ])
        #expect(some.hosts == .named(["a.example", "*.b:81"]) && some.hosts.first == "a.example")
        #expect(some.allowedOrigins.origins == ["https://c"] && some.allowedOrigins.isPublic)
        #expect(some.publicPort.httpsPort == 443)
        for any in ["any", "*"] {
            #expect(try Configuration.from(environment: ["HOSTS": any]).hosts == .any)
        }
    }

    @Test("a machine is what it is called, there and in /etc/hosts, and not what else runs on it")
    func machineNames() {
        let hosts = """
            127.0.0.1 localhost vm.other
            127.0.1.1\tVM.example.org vm  # vm.evil
            10.0.0.1 other other.example
            10.0.0.2 vm app.example
            """
        #expect(
            MachineNames.names(of: "vm", hosts: hosts) == ["vm", "vm.local", "VM.example.org"])
        #expect(MachineNames.names(of: "vm.example.org", hosts: "") == ["vm.example.org"])
        for none in ["", "(none)", "localhost"] {
            #expect(MachineNames.names(of: none, hosts: hosts) == [])
        }
    }

    @Test("settings of a public port are understood")
    func publicPort() throws {
        let settings = try Configuration.from(environment: [
            "CONNECTIONS_MAX": "500", "ADDRESS_CONNECTIONS": "7", "ADDRESS_HANDSHAKES": "3/s:9",
            "RATE_LIMIT": "4/s", "LIMIT_EXEMPT": "10.0.0.0/8", "TRUSTED_PROXIES": "192.0.2.1",
            "PROXY_PROTOCOL": "on", "HTTPS_REDIRECT": "off", "HSTS": "60; includeSubDomains",
            "ACME_DIR": "/srv/acme",
        ])
        let port = settings.publicPort
        #expect(settings.limits.connectionsMax == 500 && port.addresses.connectionsMax == 7)
        #expect(port.addresses.handshakes == TokenRate(perSecond: 3, burst: 9))
        #expect(port.requestRate == TokenRate(perSecond: 4, burst: 40))
        for exempt in ["127.0.0.1", "::1", "10.1.1.1"] {
            let peer = try #require(PeerAddress(address: exempt))
            #expect(port.addresses.exempt.contains(peer))
        }
        #expect(port.trustedProxies == AddressRanges("192.0.2.1"))
        #expect(port.usesProxyProtocol && !port.redirectsToHTTPS)
        #expect(port.transportSecurity == "max-age=60; includeSubDomains")
        #expect(port.challengeFolder == "/srv/acme")
        let off = try Configuration.from(environment: [
            "ADDRESS_CONNECTIONS": "off", "ADDRESS_HANDSHAKES": "off", "RATE_LIMIT": "off",
            "LIMIT_EXEMPT": "none", "TRUSTED_PROXIES": "none", "HSTS": "off", "ACME_DIR": "none",
        ]).publicPort
        #expect(off.addresses.connectionsMax == nil && off.addresses.handshakes == nil)
        #expect(off.requestRate == nil && off.addresses.exempt.isEmpty)
        #expect(off.trustedProxies.isEmpty && off.transportSecurity == nil)
        #expect(off.challengeFolder == nil)
    }

    @Test("settings of retention and quotas are understood, with their units")
    func space() throws {
        let sync = try Configuration.from(environment: [
            "RETAIN_BYTES": "64K", "RETAIN_DAYS": "2", "RETAIN_CHANGES": "9",
            "QUOTA_SCOPE_RECORDS": "7", "QUOTA_SCOPE_BYTES": "3M", "QUOTA_USER_SCOPES": "off",
            "QUOTA_USER_BYTES": "off", "QUOTA_ADDRESS_SCOPES": "2",
            "QUOTA_ADDRESS_BYTES": "1048577", "DISK_FREE_MIN": "2G",
        ]).sync
        #expect(sync.logBytesMin == 65_536 && sync.diskFreeBytesMin == 2 << 30)
        #expect(sync.logMillisecondsMax == 2 * 86_400_000 && sync.logChangesMax == 9)
        #expect(sync.quotas.scopeRecords == 7 && sync.quotas.scopeBytes == 3 << 20)
        #expect(sync.quotas.userScopes == nil && sync.quotas.userBytes == nil)
        #expect(sync.quotas.addressScopes == 2 && sync.quotas.addressBytes == 1_048_577)
        let off = try Configuration.from(environment: ["DISK_FREE_MIN": "off"]).sync
        #expect(off.diskFreeBytesMin == 0 && Configuration().sync.diskFreeBytesMin == nil)
    }

    @Test("a setting reaches the server's own limits")
    func applied() throws {
        let configuration = try Configuration.from(environment: [
            "HEARTBEAT": "2.5", "CONNECTIONS_MAX": "9", "QUEUE_MEMORY": "3",
            "DEFLATE_MEMORY": "off",
            "DRAIN_TIMEOUT": "0", "ADDR": "127.0.0.1:1", "TLS_SELF_SIGNED": "on",
            "PROXY_PROTOCOL": "on", "HSTS": "7",
        ])
        var server = ServerConfiguration(
            addresses: [], router: Router { _ in }, logger: Logger(label: "none"))
        configuration.apply(to: &server, machine: MachineMemory(machine: 1 << 30) { _ in nil })
        #expect(server.limits.heartbeatMilliseconds == 2_500)
        #expect(server.limits.silenceMilliseconds == 7_500)
        #expect(server.limits.connectionsMax == 9 && server.limits.queuedBytesMax == 3 << 20)
        #expect(server.limits.memory.bytesMax == 256 << 20)
        #expect(server.deflate == nil && server.drainMilliseconds == 0)
        #expect(server.addresses.map(\.description) == ["127.0.0.1:1"])
        #expect(server.tlsAddresses.map(\.description) == ["127.0.0.1:8443"])
        #expect(server.proxyProtocol == .required)
        #expect(server.strictTransportSecurity == "max-age=7")
    }

    @Test(
        "a slip is refused in words",
        arguments: [
            ("CONNECTIONS_MAX", "0"), ("CONNECTIONS_MAX", "off"), ("ADDRESS_CONNECTIONS", "-1"),
            ("ADDRESS_HANDSHAKES", "5"), ("RATE_LIMIT", "0/s"), ("LIMIT_EXEMPT", "10.0.0.1/8"),
            ("TRUSTED_PROXIES", "proxy.example"), ("PROXY_PROTOCOL", "maybe"),
            ("QUOTA_SCOPE_RECORDS", "0"), ("QUOTA_SCOPE_BYTES", "5 MB"),
            ("QUOTA_USER_BYTES", "99999999999G"), ("QUOTA_ADDRESS_BYTES", "-1"),
            ("DISK_FREE_MIN", "M"), ("RETAIN_BYTES", "0"),
            ("HTTPS_REDIRECT", "no way"), ("HSTS", "yes"),
        ])
    func slips(name: String, text: String) {
        do throws(ConfigurationError) {
            _ = try Configuration.from(environment: [name: text])
            Issue.record("\(name)=\(text) was taken")
        } catch {
            #expect(error.description.hasPrefix("\(name)=\(text): "))
            #expect(error.description.contains("write "))
        }
    }

    @Test(
        "a complaint names the part that is wrong, and its place in a list",
        arguments: [
            ("HOSTS", "a..b", "\"a..b\" has an empty label; write host names"),
            ("HOSTS", "a,https://b", "\"https://b\" (2 of 2) is a URL"),
            ("HOSTS", "a,,b", "\"\" (2 of 3) is empty"),
            ("HOSTS", "a, b", "\" b\" (2 of 2) has a space"),
            ("LIMIT_EXEMPT", "::1,10.0.0.1/8", "\"10.0.0.1/8\" (2 of 2) is an address inside"),
            ("TRUSTED_PROXIES", "10.0.0.0/33", "has a prefix that is no number of bits"),
            ("TRUSTED_PROXIES", "proxy", "\"proxy\" is not an IP address or a network"),
            ("ALLOWED_ORIGINS", "https://a,b", "\"b\" (2 of 2) is not an origin"),
            ("ADDR", ":80,:x", "\":x\" (2 of 2) is not host:port"),
            ("QUOTA_SCOPE_BYTES", "2000G", "this is more than 1024G; write bytes"),
            ("RETAIN_BYTES", "0", "this is less than 1; write bytes"),
            ("MEMORY_LIMIT", "7", "this is less than 8M; write MiB"),
            ("LOG_LEVEL", "loud", "write trace, debug, info, notice, warning, error or critical"),
            ("IDLE_TIMEOUT", "0", "write seconds from 0.1 to 86400"),
            ("ACCESS_LOG", "logs/", "write a file's path or -, or off"),
        ])
    func complaints(name: String, text: String, words: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration.from(environment: [name: text])
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
}

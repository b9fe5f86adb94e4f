// The one table of settings: what it takes, what it refuses, and that the guide to operating and
// the command say the same.

import Foundation
import MizuDoor
import MizuHTTP
import MizuServer
import Testing

@testable import Mizu

@Suite("Settings")
struct ConfigurationTests {
    private static func text(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("the guide's table has a row for each setting, in order, and the command a flag")
    func documented() throws {
        let names = Configuration.settings.map(\.name)
        #expect(Set(names).count == names.count)
        let guide = try Self.text("Assets/Guides/operating.md")
        let table = guide.split(separator: "<!-- settings:")[1]
        let rows = table.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| `([A-Z_]+)` \|/).map { String($0.1) }
        }
        #expect(rows == names)
        let command = try Self.text("Sources/CLI/ServeCommand.swift")
        for name in names { #expect(command.contains("(\"\(name)\", "), "no flag for \(name)") }
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
        let port = try Configuration.from(environment: [
            "CONNECTIONS_MAX": "500", "ADDRESS_CONNECTIONS": "7", "ADDRESS_HANDSHAKES": "3/s:9",
            "RATE_LIMIT": "4/s", "LIMIT_EXEMPT": "10.0.0.0/8", "TRUSTED_PROXIES": "192.0.2.1",
            "PROXY_PROTOCOL": "on", "HTTPS_REDIRECT": "off", "HSTS": "60; includeSubDomains",
            "ACME_DIR": "/srv/acme",
        ]).publicPort
        #expect(port.connectionsMax == 500 && port.addresses.connectionsMax == 7)
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

    @Test("settings of space are understood, with their units")
    func space() throws {
        let space = try Configuration.from(environment: [
            "RETAIN_BYTES": "64K", "QUOTA_SCOPE_RECORDS": "7", "QUOTA_SCOPE_BYTES": "3M",
            "QUOTA_USER_SCOPES": "off", "QUOTA_USER_BYTES": "off", "QUOTA_ADDRESS_SCOPES": "2",
            "QUOTA_ADDRESS_BYTES": "1048577", "DISK_FREE_MIN": "2G",
        ]).space
        #expect(space.retainedBytes == 65_536 && space.diskFreeBytesMin == 2 << 30)
        #expect(space.quotas.scopeRecords == 7 && space.quotas.scopeBytes == 3 << 20)
        #expect(space.quotas.userScopes == nil && space.quotas.userBytes == nil)
        #expect(space.quotas.addressScopes == 2 && space.quotas.addressBytes == 1_048_577)
        let off = try Configuration.from(environment: ["DISK_FREE_MIN": "off"]).space
        #expect(off.diskFreeBytesMin == 0)
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
            #expect(error.description.hasPrefix("\(name)=\(text): write "))
        }
    }
}

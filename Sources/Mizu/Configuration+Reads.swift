// The settings of reads that go to the store: pages, lists, snapshots, pulls behind the tail. Rows
// of the one table in Configuration.swift.

import MizuSyncService

extension Configuration {
    static let readSettings: [Setting] = [
        Setting(
            name: "ADDRESS_READS", fallback: "100",
            help: "Reads of the store that wait or are under way for one address (IPv6: for a "
                + "/48); beyond it 429; off: any number"
        ) { configuration, text in
            if text == "off" {
                configuration.reads.sourceMax = nil
                return nil
            }
            guard let count = Int(text), (1...20_000).contains(count) else {
                return "write a number from 1 to 20000, or off"
            }
            configuration.reads.sourceMax = count
            return nil
        }
    ]
}

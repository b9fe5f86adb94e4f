// What `import Mizu` brings: the app's own interface, and the words of the rooms that handlers and
// mutators use. Rooms that apps have no business in (event loop, transport, server) are not among
// them.

@_exported import MizuBytes
@_exported import MizuHTTP
@_exported import MizuIdentity
@_exported import MizuJOSE
@_exported import MizuRouting
@_exported import MizuSync
@_exported import MizuSyncService
@_exported import MizuView

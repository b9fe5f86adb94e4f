// How a set of views finds, names and bounds its templates: all settings and limits of the room.

/// Settings of a `ViewSet`. The defaults are what an app wants.
public struct ViewOptions: Sendable {
    /// The meaning of a partial or parent that does not exist.
    public enum UnknownPartials: Sendable {
        /// An error, found when the set is compiled; for a dynamic name, when it is rendered.
        case fail
        /// Nothing, as the Mustache spec has it.
        case renderEmpty
    }

    public var unknownPartials: UnknownPartials
    /// The ending that makes a name a path of the source: `pages/home` is read as
    /// `pages/home.html`.
    public var suffix: String
    /// Written before paths in errors only, so that they can be clicked: `views/`.
    public var folder: String
    public var limits: ViewLimits

    public init(
        unknownPartials: UnknownPartials = .fail, suffix: String = ".html",
        folder: String = "views/", limits: ViewLimits = ViewLimits()
    ) {
        self.unknownPartials = unknownPartials
        self.suffix = suffix
        self.folder = folder
        self.limits = limits
    }
}

/// The limits of a template. Beyond each limit a `TemplateError` names it.
public struct ViewLimits: Sendable {
    /// Sections, partials, parents and blocks inside each other while rendering, counted together;
    /// beyond it the render throws. They take no stack.
    public var renderDepthMax = 1000
    /// Sections, parents and blocks inside each other in one file; beyond it compiling throws.
    public var nestingMax = 100
    /// Bytes of one file; beyond it compiling throws. 4 MiB.
    public var templateBytesMax = 4 << 20
    /// Bytes of one page; beyond it the render throws. 64 MiB.
    public var pageBytesMax = 64 << 20

    public init() {}
}

package sdk

// Version is the semantic version of what plugins in Go see of mkmini: of this
// package, of sdktest below it, and of toolchains/gcc. It is not mkmini's own.
//
// The first number goes up when something is gone or different, the second when
// something came in addition, which old plugins need not know. Fields may be
// added to structs: name them in literals. Methods are never added to the
// interfaces that plugins implement.
const Version = "1.0.0"

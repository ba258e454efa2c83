// Package sdk is all that a plugin imports of mkmini; toolchains/gcc makes a
// [Toolchain] of it for compilers that are gcc, and sdktest below it holds a
// plugin to its contract in the plugin's tests.
//
// A plugin is an executable named mkmini-plugin-NAME that serves a
// [Toolchain], an [Exporter] or both:
//
//	func main() {
//		sdk.Serve(sdk.Plugin{Name: "riscv64", Version: "1.0.0", Toolchain: gcc.New(info)})
//	}
//
// mkmini starts it as a process of its own, and calls it over gRPC with
// mutual TLS. Paths and digests cross that border, never the bytes of files.
//
// What a plugin may do beside is an interface of one method each, which it
// implements or not: [LibcBuilder], [Patcher], [EmulatorFinder], [Booter] and
// [Validator]. `mkmini plugin new` writes the first files of a plugin, and a
// debugger holds one that is started with --debug. See docs/plugins/guide.md and
// docs/plugins/contract.md in mkmini's sources; [Version] counts what they tell.
package sdk

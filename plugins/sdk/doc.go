// Package sdk is all that a plugin imports.
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
package sdk

// Package sbom makes software bills of materials: facts about one image go in,
// and a document comes out, as SPDX 2.3 or CycloneDX 1.6. The same facts give
// the same bytes: times, names and numbers that are usually made up are
// derived from the facts.
package sbom

import "time"

// Facts are what is known of one image.
type Facts struct {
	// Name is the system's, and Arch its architecture.
	Name, Arch string
	// Platform is what an image of it declares: "linux/arm64".
	Platform string
	// Layer is the sha256 of the file system as a tar archive, in hexadecimal
	// digits.
	Layer string
	// Created is the time of the document.
	Created time.Time
	// Mkmini is the version of mkmini.
	Mkmini string
	// Supplier is the organization that the image is from; empty if nobody
	// said.
	Supplier string
	// Namespace is what the names of documents begin with, an absolute URI;
	// empty for none, and then they are UUIDs.
	Namespace string
	// Busybox is the program.
	Busybox Program
	// Libc is the C library, and nil if it isn't known.
	Libc *Program
	// Dynamic says that programs find the C library in the image; else it is
	// a part of busybox.
	Dynamic bool
	// Compiler made it all.
	Compiler Compiler
	// Applications are the programs that the user put into the image.
	Applications []Application
	// Packages are those of a distribution that the image lists.
	Packages []Package
	// Files are the files of the image, by path.
	Files []File
}

// Program is a program or library that was built from source, or that came
// with the compiler.
type Program struct {
	// Name, Version, License (an SPDX expression), Homepage and CPE (up to the
	// version) are those of its release; what isn't known is empty.
	Name, Version, License, Homepage, CPE string
	// Source is what it was built from here; nil if it came ready-made.
	Source *Source
	// SHA256 is the hash of the program as it was built, in hexadecimal
	// digits: files with it are this program. It may be empty.
	SHA256 string
}

// Source is a source archive with what was changed in it.
type Source struct {
	// Tarball is its file name.
	Tarball string
	// URL is where it is published; empty if that isn't known.
	URL string
	// SHA256 is its hash in hexadecimal digits.
	SHA256 string
	// Patches were applied, in this order.
	Patches []Patch
	// Config is the sha256 of the final configuration in hexadecimal digits;
	// empty if there is none.
	Config string
}

// Patch is a change of a source.
type Patch struct {
	// Name is its file name, with slashes if it is in a folder.
	Name string
	// Text is the unified diff.
	Text []byte
}

// Compiler is what made the programs.
type Compiler struct {
	// Name and Version are "gcc" and "12.2.0"; empty if they aren't known.
	Name, Version string
	// Target is the triplet that it makes code for.
	Target string
	// Fingerprint is the "sha256:…" of all that has a say in what it makes.
	Fingerprint string
	// From is the kind of place it came from: "host", "deb".
	From string
	// Parts are what exactly was brought, by name: a version, "sha256:…", or
	// both with a space between them.
	Parts map[string]string
	// Headers is the version of Linux whose headers it has; empty if that
	// isn't known.
	Headers string
}

// Application is a program that the user put into the image.
type Application struct {
	// Path is relative to the root: "usr/bin/app".
	Path string
}

// File is a file of the image.
type File struct {
	// Path is relative to the root: "bin/busybox".
	Path string
	// Size is in bytes.
	Size int64
	// SHA1 and SHA256 are in hexadecimal digits.
	SHA1, SHA256 string
	Kind         FileKind
	// Needed are the names of the libraries that an ELF file asks for, and the
	// path of its interpreter.
	Needed []string
}

// FileKind is what a file is.
type FileKind string

// The kinds of files that are told apart.
const (
	ELF    FileKind = "elf"
	Script FileKind = "script"
	Other  FileKind = ""
)

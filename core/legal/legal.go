// Package legal writes what the licences of a system's programs ask for into
// one folder: the exact sources, what was changed in them, how they were
// built, and the licences.
package legal

import "time"

// Facts are what is known of a system.
type Facts struct {
	// Name is the system's, and Mkmini the version of mkmini.
	Name, Mkmini string
	// Epoch is the time of all files.
	Epoch time.Time
	// Configuration are the files that the system is built from.
	Configuration []File
	// Programs are those that were compiled, or linked into what was.
	Programs []Program
	// Builds are the architectures.
	Builds []Build
}

// File is a file that is put into the folder.
type File struct {
	// Name is its name, with slashes if it is in a folder.
	Name string
	// Path is the absolute path of its content, or Data is it.
	Path string
	Data []byte
}

// Program is a piece of software under a licence.
type Program struct {
	Name, Version string
	// License is an SPDX expression; empty if it isn't known.
	License string
	// Archs are the architectures that it is a part of; empty for all.
	Archs []string
	// Sources are the archives that it is made from; none if they aren't in
	// the folder, and then Missing says why in a sentence.
	Sources []Source
	// Texts are its licences, with their names in the source.
	Texts   []File
	Missing string
}

// Source is a source archive.
type Source struct {
	File
	// SHA256 is its hash in hexadecimal digits.
	SHA256 string
	// URL is where it is published; empty if that isn't known.
	URL string
}

// Build is how the busybox of one architecture was built.
type Build struct {
	Arch string
	// Busybox and Musl are the file names of their sources; Musl is empty if
	// the C library is the compiler's.
	Busybox, Musl string
	// Config is the final configuration of busybox, and SHA256 the hash of
	// the program in hexadecimal digits.
	Config File
	SHA256 string
	// Patches are those of busybox and musl, by the name of the program.
	Patches map[string][]File
	// CC is the compiler's name and Prefix that of its other tools, without
	// folders: "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-".
	CC, Prefix string
	// Compiler describes the compiler for people, and Fingerprint is the
	// "sha256:…" of its files.
	Compiler, Fingerprint string
	// Pins say what exactly was brought as the compiler, by names.
	Pins map[string]string
	// KernelArch and MuslArch are what busybox's makefiles and musl call the
	// architecture.
	KernelArch, MuslArch string
	// Flags are the options of all compiles, Link those of links, and
	// MuslFlags those that musl needs in addition.
	Flags, Link, MuslFlags []string
	// Dynamic says that busybox loads its C library.
	Dynamic bool
}

// Package config reads HCL into plain structs in which every value keeps its
// source range.
package config

import (
	"encoding/json"

	"github.com/mkmini/mkmini/core/fault"
)

// Config is one system to build: a decoded configuration.
type Config struct {
	// Name is the first part of every artifact's name.
	Name string
	// Dir is the absolute path of the configuration's folder.
	Dir string
	// Targets are the architectures, in the order written.
	Targets []Target
	// Exports are the `export` blocks, in the order written.
	Exports []Export
	// SBOM is the `sbom` block; nil if there is none.
	SBOM *SBOM `json:",omitempty"`
	// Required are the plugins of `required_plugins`, sorted by name.
	Required []RequiredPlugin `json:",omitempty"`
	// Provenance is nil if no provenance is to be written, and Sign if nothing
	// is to be signed.
	Provenance *Provenance `json:",omitempty"`
	Sign       *Sign       `json:",omitempty"`
	// Origin is what the configuration was read from.
	Origin Origin `json:"-"`
}

// SBOM is an `sbom` block: documents about what is in the images.
type SBOM struct {
	// Formats are names of formats, in the order written, each once.
	Formats []string
	// Attach says that images carry the documents where their format can.
	Attach bool
	// Supplier is the organization that the images are from, and Namespace
	// what the names of documents begin with, an absolute URI; both may be
	// empty.
	Supplier, Namespace string
	Range               fault.Range
}

// Target is the system for one architecture. Values are evaluated with
// ${arch} in scope.
type Target struct {
	// Arch is the architecture's name, from the plugin's description.
	Arch      string
	Toolchain Toolchain
	// Musl is set if Toolchain.Libc is "musl".
	Musl    *Source `json:",omitempty"`
	Busybox Busybox
	// Rootfs are the entries of the `rootfs` blocks, in the order written.
	Rootfs []Entry
	// Preset is the layout that the root file system starts with; empty for
	// the default.
	Preset string `json:",omitempty"`
	// Unchecked are absolute, clean paths in the root file system below which
	// programs aren't checked for what they need to be started.
	Unchecked []string
}

// Toolchain is a `toolchain` block.
type Toolchain struct {
	// Plugin is the block's label.
	Plugin string
	// From are the `from` blocks in the order written; empty means that
	// none was written.
	From []From
	// Libc is "musl", or empty for what the compiler has. Where it was
	// written is among AttributeRanges.
	Libc string
	// Attributes are the plugin's own attributes as a JSON object, complete
	// with defaults.
	Attributes json.RawMessage
	// AttributeRanges are where those that were written stand.
	AttributeRanges map[string]fault.Range
	Range           fault.Range
}

// From is one place a compiler may come from. Which fields count depends on
// Kind.
type From struct {
	// Kind is the block's label: "host", "path", "deb", "archive", "oci",
	// "source".
	Kind string
	// Dir is the absolute path of a folder, for "path"; empty if it was
	// null, and then the block is passed over.
	Dir string
	// Prefix is the start of the tools' names, such as
	// "sw_64-sunway-linux-gnu-"; empty to look for the known triplets.
	Prefix string
	// Deb, Archive and OCI are set for the kinds of that name, and Build for
	// "source".
	Deb     *Deb     `json:",omitempty"`
	Archive *Archive `json:",omitempty"`
	OCI     *OCI     `json:",omitempty"`
	Build   *Build   `json:",omitempty"`
	Range   fault.Range
}

// Deb is a compiler in packages of Debian or a relative.
type Deb struct {
	// Packages are names of binary packages; empty for those that the
	// architecture's description names.
	Packages []string
	// Suite is a release's name, "bookworm"; empty for the machine's own.
	Suite string
}

// Archive is a compiler in an archive, such as vendors ship.
type Archive struct {
	// File is an absolute path; empty if it is fetched from URLs.
	File string
	URLs []string
	// SHA256 is 64 hexadecimal digits.
	SHA256 string
	// Strip is how many leading folders are left out of names, and Bin the
	// folder with the compiler, relative to what remains; empty to look in
	// the usual ones.
	Strip int
	Bin   string
}

// OCI is a compiler in a container image.
type OCI struct {
	// Image is a reference to a registry, or the absolute path of an OCI
	// layout or docker tarball.
	Image string
	// Path marks that Image is a path.
	Path bool
	// Bin is the folder with the compiler within the image; empty to look in
	// the usual ones.
	Bin string
}

// Build is a compiler that is built from source.
type Build struct {
	// Target is its triplet; empty for the architecture's own.
	Target string
	// Libc is "glibc", or "musl" or empty for musl.
	Libc                              string
	Binutils, GCC, Linux, Musl, Glibc Part
}

// Part is one of the programs that a compiler is built from, and where its
// source is: in Deb, or else a tarball.
type Part struct {
	// Deb is the name of a Debian binary package that holds the tarball, such
	// as "gcc-12-source". If there is no tarball either, it is a usual one.
	Deb string
	// Version is for people; only that of musl is known.
	Version string
	// File is the absolute path of the tarball; empty if not given.
	File string
	// URLs are places of the tarball, and Debian is the name of a source
	// package that may hold it.
	URLs   []string
	Debian string
	// SHA256 is 64 hexadecimal digits; empty for a file of whatever content,
	// and for a package, whose hash apt knows.
	SHA256 string
	// Options are more arguments of its configure script.
	Options []string
	// Patches are the absolute paths of patches, in the order to apply them.
	Patches []string
}

// Source is a release of a program that is built.
type Source struct {
	Version string
	// SHA256 is 64 hexadecimal digits, given or known for the version.
	SHA256 string
	// File is the absolute path of a source tarball; empty if not given.
	File string
	// URLs are further places of the source tarball.
	URLs []string
}

// Busybox is the `busybox` block, or its defaults.
type Busybox struct {
	// Dynamic says that it loads its C library.
	Dynamic bool `json:",omitempty"`
	// Disabled says that the system has none, and that nothing is compiled.
	Disabled bool `json:",omitempty"`
	Version  string
	// SHA256 is 64 hexadecimal digits, given or known for the version.
	SHA256 string
	// File is the absolute path of a source tarball; empty if not given.
	File string
	// URLs are further places of the source tarball.
	URLs []string
	// Config is "defconfig" or the absolute path of a file.
	Config string
	// Set holds symbols, without CONFIG_, in kconfig's notation.
	Set map[string]string
	// Only and Without name applets; at most one is not empty.
	Only    []string
	Without []string
	// Ranges are where values stand, by path joined with dots: "version",
	// "set.FOO", "applets.only.2".
	Ranges map[string]fault.Range
	// Range is the block's, or that of the toolchain if there is no block.
	Range fault.Range
}

// Kind is the kind of an entry.
type Kind string

// The kinds of entries.
const (
	Directory Kind = "directory"
	File      Kind = "file"
	Symlink   Kind = "symlink"
	Device    Kind = "device"
	Overlay   Kind = "overlay"
	Hardlink  Kind = "hardlink"
	Fifo      Kind = "fifo"
	Program   Kind = "program"
	Remove    Kind = "remove"
	User      Kind = "user"
	Group     Kind = "group"
	Host      Kind = "host"
)

// Entry is one block within `rootfs`.
type Entry struct {
	Kind Kind
	// Path is absolute and clean; "/" for an overlay of the whole. For Remove
	// it is a pattern, for User and Group empty.
	Path string
	// Content is a file's content if Source is empty.
	Content string
	// Source is the absolute path of a file or program, or of an overlay's
	// folder or archive.
	Source string
	// Target is what a symlink points to, or the absolute path of the file
	// that a hard link is another name of.
	Target string
	// Mode holds permission bits including setuid, setgid and sticky, as in
	// chmod's octal notation; nil for the default.
	Mode *uint32
	// UID and GID are nil for the default; an overlay's hold for all in it.
	UID, GID *int
	// Xattrs are extended attributes by name, with their namespaces; file
	// capabilities are among them, as "security.capability". Values are bytes.
	Xattrs map[string]string `json:",omitempty"`
	// Char says that a device is a character device, else a block device.
	Char         bool
	Major, Minor uint32
	// Sysroot is the absolute path of the folder with a program's libraries,
	// empty for the machine's own, and Libraries those of further folders.
	Sysroot   string
	Libraries []string
	// KeepOwner says that what is in an overlay keeps its owners. FileMode and
	// DirectoryMode are the modes of all in it, nil for those that it has, and
	// Rules, in the order written, say more of some.
	KeepOwner               bool    `json:",omitempty"`
	FileMode, DirectoryMode *uint32 `json:",omitempty"`
	Rules                   []Rule  `json:",omitempty"`
	// Account is set for User and Group.
	Account *Account
	// Layer is the label of the layer block around it; empty outside of one.
	Layer string `json:",omitempty"`
	// Installed is set for Host.
	Installed *Installed `json:",omitempty"`
	Range     fault.Range
}

// Rule is a `rule` block within an overlay: what it states holds for all in
// the overlay that fits its pattern.
type Rule struct {
	// Pattern is of absolute paths in the system.
	Pattern string
	// FileMode holds for all but folders and symlinks, DirectoryMode for
	// folders; nil for no change. So are UID and GID.
	FileMode, DirectoryMode *uint32
	UID, GID                *int
	// Xattrs are added to files and folders, Capabilities to files.
	Xattrs, Capabilities map[string]string `json:",omitempty"`
	Range                fault.Range
}

// Account is a `user` or `group` block within `rootfs`. Its number is the
// entry's UID or GID, nil for the next free one.
type Account struct {
	Name string
	// Group is the name of a user's group; empty for one of the user's name.
	// Groups are names of others that it is a member of.
	Group  string
	Groups []string
	// Comment is the fifth field of passwd(5). Password is hashed as crypt(3)
	// has it; "*" for none that could be entered.
	Comment, Home, Shell, Password string
}

// Export is an `export` block.
type Export struct {
	// Plugin is the block's label.
	Plugin string
	// Attributes are the plugin's attributes as JSON objects, complete with
	// defaults, by architecture; a multi-architecture exporter has one, under
	// the empty string.
	Attributes map[string]json.RawMessage
	// AttributeRanges are where those that were written stand.
	AttributeRanges map[string]fault.Range
	Range           fault.Range
}

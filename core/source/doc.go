// Package source obtains files by their hash: from a folder that has them, a
// local file, the net, or a Debian source package. It also unpacks them.
//
// It is the only part of mkmini that touches the network.
package source

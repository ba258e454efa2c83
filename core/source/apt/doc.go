// Package apt finds a file by its hash among the source packages of the
// machine's own apt mirror and downloads it.
//
// It runs apt itself, with a private configuration and a private source list
// in a folder of its own: no root is needed, and nothing of the machine's
// apt configuration or state is changed. What the machine's configuration
// says of mirrors, keys, proxies and logins is taken over.
package apt

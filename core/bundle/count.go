package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// counter counts and hashes what is written to it.
type counter struct {
	n int64
	h hash.Hash
}

func newCounter() *counter { return &counter{h: sha256.New()} }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.h.Write(p)
}

// sum returns the sha256 in hexadecimal.
func (c *counter) sum() string { return hex.EncodeToString(c.h.Sum(nil)) }

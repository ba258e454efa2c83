package signing_test

import (
	"encoding/base64"
	"encoding/binary"
	"testing"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"

	"github.com/mkmini/mkmini/core/signing"
)

// lock encrypts a key as minisign does, but with so little work that a test
// can wait for it: the format says how much it was.
// Source: https://jedisct1.github.io/minisign/, "Secret key format"; libsodium,
// crypto_pwhash_scryptsalsa208sha256.
func lock(t *testing.T, key signing.PrivateKey, word string) []byte {
	t.Helper()
	const ops, mem = 1 << 15, 1 << 24
	plain, err := key.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	const comment = "untrusted comment: minisign encrypted secret key\n"
	data, err := base64.StdEncoding.DecodeString(string(plain[len(comment) : len(plain)-1]))
	if err != nil {
		t.Fatal(err)
	}
	copy(data[2:4], "Sc")
	salt := data[6:38]
	copy(salt, "an even number of bytes of salt!")
	binary.LittleEndian.PutUint64(data[38:], ops)
	binary.LittleEndian.PutUint64(data[46:], mem)
	sum := blake2b.Sum256(append([]byte("Ed"), data[54:126]...))
	copy(data[126:], sum[:])
	// With r = 8 and p = 1, N is the least power of two above ops / 4r, as
	// libsodium counts.
	n := 2
	for uint64(n) <= ops/(4*8)/2 {
		n *= 2
	}
	stream, err := scrypt.Key([]byte(word), salt, n, 8, 1, 104)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range stream {
		data[54+i] ^= b
	}
	return []byte(comment + base64.StdEncoding.EncodeToString(data) + "\n")
}

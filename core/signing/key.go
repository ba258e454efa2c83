// Package signing signs and verifies with keys of minisign: files, as minisign
// does, and statements in envelopes of DSSE.
package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"aead.dev/minisign"
)

// maxKey is the most bytes of the file of a key.
const maxKey = 4096

// PrivateKey is a key that signs.
type PrivateKey struct{ key minisign.PrivateKey }

// PublicKey is a key that verifies.
type PublicKey struct{ key minisign.PublicKey }

// The reasons why a private key can't be used.
var (
	// ErrPassword says that a password does not open the key.
	ErrPassword = errors.New("the password is wrong")
	// ErrNoKey says that a text is no key.
	ErrNoKey = errors.New("it is no key of minisign")
)

// KeyID shows the number of a key as minisign does.
func KeyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// Generate makes a new key.
func Generate() (PrivateKey, error) {
	_, key, err := minisign.GenerateKey(nil)
	return PrivateKey{key}, err
}

// ParsePrivate reads what minisign -G writes. The password is asked for only if
// the key is encrypted.
func ParsePrivate(text []byte, password func() (string, error)) (PrivateKey, error) {
	if len(text) > maxKey {
		return PrivateKey{}, ErrNoKey
	}
	if !minisign.IsEncrypted(text) {
		var key minisign.PrivateKey
		if key.UnmarshalText(bytes.TrimSpace(text)) != nil {
			return PrivateKey{}, ErrNoKey
		}
		return PrivateKey{key}, nil
	}
	word, err := password()
	if err != nil {
		return PrivateKey{}, err
	}
	key, err := minisign.DecryptKey(word, bytes.TrimSpace(text))
	if err != nil {
		return PrivateKey{}, ErrPassword
	}
	return PrivateKey{key}, nil
}

// Encode returns the key as minisign writes it, encrypted unless the password
// is empty.
func (k PrivateKey) Encode(password string) ([]byte, error) {
	text, err := k.key.MarshalText()
	if password != "" {
		text, err = minisign.EncryptKey(password, k.key)
	}
	return append(text, '\n'), err
}

// ID is the number of the key.
func (k PrivateKey) ID() string { return KeyID(k.key.ID()) }

// Public returns what verifies the key's signatures.
func (k PrivateKey) Public() PublicKey {
	public, _ := k.key.Public().(minisign.PublicKey)
	return PublicKey{public}
}

// Where Ed25519's key and seed are in a private key of minisign.
// Source: https://jedisct1.github.io/minisign/, "Secret key format".
const (
	privateStart = 2 + 2 + 2 + 32 + 8 + 8 + 8
	privateEnd   = privateStart + ed25519.PrivateKeySize
)

// raw returns the key of Ed25519, which the library keeps to itself.
func (k PrivateKey) raw() (ed25519.PrivateKey, error) {
	text, err := k.key.MarshalText()
	if err != nil {
		return nil, err
	}
	_, encoded, _ := bytes.Cut(text, []byte("\n"))
	data, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil || len(data) < privateEnd {
		return nil, ErrNoKey
	}
	return ed25519.PrivateKey(data[privateStart:privateEnd]), nil
}

// ParsePublic reads a public key: the file of one, or the line in it that
// begins with RW.
func ParsePublic(text []byte) (PublicKey, error) {
	var key minisign.PublicKey
	if len(text) > maxKey || key.UnmarshalText(bytes.TrimSpace(text)) != nil {
		return PublicKey{}, ErrNoKey
	}
	return PublicKey{key}, nil
}

// ID is the number of the key.
func (k PublicKey) ID() string { return KeyID(k.key.ID()) }

// String returns the key in one line, as minisign -P takes it.
func (k PublicKey) String() string { return k.key.String() }

// Encode returns the key as minisign writes it.
func (k PublicKey) Encode() []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %s\n%s\n", k.ID(), k)
}

// PEM returns the key as other programs read one of Ed25519.
// Source: RFC 8410, "Subject Public Key Fields".
func (k PublicKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.raw())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// raw returns the key of Ed25519: the end of minisign's.
func (k PublicKey) raw() ed25519.PublicKey {
	data, err := base64.StdEncoding.DecodeString(k.key.String())
	if err != nil || len(data) < ed25519.PublicKeySize {
		return make(ed25519.PublicKey, ed25519.PublicKeySize)
	}
	return data[len(data)-ed25519.PublicKeySize:]
}

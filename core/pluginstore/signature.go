package pluginstore

import (
	"fmt"
	"maps"
	"slices"

	"aead.dev/minisign"
)

// keyID shows the number of a key as minisign does.
func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// KeyID returns the number of a public key, "" if it is none.
func KeyID(text string) string {
	var key minisign.PublicKey
	if key.UnmarshalText([]byte(text)) != nil {
		return ""
	}
	return keyID(key.ID())
}

// signer is who signed a list of hashes.
type signer struct {
	// id is the number of the key, as the signature says; empty if there is
	// no signature.
	id string
	// key is the public key, and name what the user calls it, once the
	// signature was verified; empty if no such key is trusted.
	key, name string
}

// verify finds out who signed a text. keys are those that are trusted by
// name. A signature by one of them that doesn't hold is an error, and so is
// what is no signature.
// Source: https://jedisct1.github.io/minisign/, "Signature format".
func verify(text, signature []byte, keys map[string]string) (signer, error) {
	if signature == nil {
		return signer{}, nil
	}
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return signer{}, fmt.Errorf("%s is no signature of minisign", SignatureName)
	}
	who := signer{id: keyID(s.KeyID)}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		var key minisign.PublicKey
		if key.UnmarshalText([]byte(keys[name])) != nil || key.ID() != s.KeyID {
			continue
		}
		if !minisign.Verify(key, text, signature) {
			return who, fmt.Errorf("%s was not made by the key %s (%s) for this %s", SignatureName, who.id, name, SumsName)
		}
		who.key, who.name = keys[name], name
		return who, nil
	}
	return who, nil
}

package pluginstore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/signing"
)

// KeyID returns the number of a public key, "" if it is none.
func KeyID(text string) string {
	key, err := signing.ParsePublic([]byte(text))
	if err != nil {
		return ""
	}
	return key.ID()
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
	s, err := signing.ParseSignature(signature)
	if err != nil {
		return signer{}, fmt.Errorf("%s is no signature of minisign", SignatureName)
	}
	who := signer{id: s.KeyID()}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		key, err := signing.ParsePublic([]byte(keys[name]))
		if err != nil || key.ID() != s.KeyID() {
			continue
		}
		if s.VerifyText(text, key) != nil {
			return who, fmt.Errorf("%s was not made by the key %s (%s) for this %s", SignatureName, who.id, name, SumsName)
		}
		who.key, who.name = keys[name], name
		return who, nil
	}
	return who, nil
}

// trusted are the keys that count: the user's, and that of the lock.
func (s *Store) trusted(req Request) map[string]string {
	keys := maps.Clone(s.Keys)
	if req.Locked != nil && req.Locked.Key != "" && !s.SignatureRequired {
		if keys == nil {
			keys = map[string]string{}
		}
		keys["the lock's"] = req.Locked.Key
	}
	return keys
}

// checkSigner refuses a release that isn't signed as it has to be.
func (s *Store) checkSigner(req Request, rel *Release) error {
	if l := req.Locked; l != nil && l.Key != "" && l.Key != rel.Key {
		now := rel.Key
		if now == "" && rel.Unverified != "" {
			now = "a signature by the key " + rel.Unverified + ", which is not trusted"
		}
		return changed(req, "The key that "+SumsName+" is signed by", l.Key, now,
			"Ask whoever makes the plugin whether the key is theirs. If it is, trust it in the settings and remove the plugin's block from the lock.")
	}
	if !s.SignatureRequired || rel.Key != "" {
		return nil
	}
	detail := fmt.Sprintf("The settings require signatures, and the release %s at %s has none.", rel.Version, rel.Where)
	if rel.Unverified != "" {
		detail = fmt.Sprintf("The settings require signatures, and the release %s at %s is signed by the key %s, which is none of those that are trusted: %s.",
			rel.Version, rel.Where, rel.Unverified, s.trustedIDs())
	}
	return fail(req.Name, "is not signed by a trusted key", detail,
		"Ask whoever makes the plugin for their key, and write it into keys in the plugins block of the settings if you trust it.", nil)
}

// trustedIDs lists the keys that are trusted.
func (s *Store) trustedIDs() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Keys)) {
		all = append(all, KeyID(s.Keys[name])+" ("+name+")")
	}
	if len(all) == 0 {
		return "there are none"
	}
	return strings.Join(all, ", ")
}

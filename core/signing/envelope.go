package signing

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Envelope is a statement with its signatures.
// Source: https://github.com/secure-systems-lab/dsse, "envelope.md".
type Envelope struct {
	// PayloadType is the media type of Payload.
	PayloadType string
	Payload     []byte
	// KeyIDs are the numbers of the keys that signed, as the envelope says.
	KeyIDs     []string
	signatures []dsse.Signature
}

// MaxEnvelope is the most bytes of an envelope.
const MaxEnvelope = 8 << 20

// ErrUnsigned says that an envelope has no signature.
var ErrUnsigned = errors.New("it is not signed")

// NewEnvelope returns an envelope that is not signed.
func NewEnvelope(payloadType string, payload []byte) Envelope {
	return Envelope{PayloadType: payloadType, Payload: payload}
}

// ParseEnvelope reads an envelope, one JSON object. Errors are one clause.
func ParseEnvelope(text []byte) (Envelope, error) {
	if len(text) > MaxEnvelope {
		return Envelope{}, fmt.Errorf("it has more than %d bytes", MaxEnvelope)
	}
	var e struct {
		PayloadType *string           `json:"payloadType"`
		Payload     *string           `json:"payload"`
		Signatures  *[]dsse.Signature `json:"signatures"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&e); err != nil {
		return Envelope{}, fmt.Errorf("it is no JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Envelope{}, errors.New("something follows the JSON object")
	}
	if e.PayloadType == nil || e.Payload == nil || e.Signatures == nil {
		return Envelope{}, errors.New("payloadType, payload or signatures are missing")
	}
	payload, err := decode(*e.Payload)
	if err != nil {
		return Envelope{}, errors.New("its payload is no base64")
	}
	read := Envelope{PayloadType: *e.PayloadType, Payload: payload, signatures: *e.Signatures}
	for _, s := range read.signatures {
		if _, err := decode(s.Sig); err != nil {
			return Envelope{}, errors.New("a signature in it is no base64")
		}
		read.KeyIDs = append(read.KeyIDs, s.KeyID)
	}
	return read, nil
}

// decode reads either base64: an envelope may have both.
func decode(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return base64.URLEncoding.DecodeString(text)
	}
	return data, nil
}

// Encode returns the envelope as one line of JSON. The same envelope gives the
// same bytes.
func (e Envelope) Encode() ([]byte, error) {
	signatures := e.signatures
	if signatures == nil {
		signatures = []dsse.Signature{}
	}
	text, err := json.Marshal(dsse.Envelope{
		PayloadType: e.PayloadType, Payload: base64.StdEncoding.EncodeToString(e.Payload), Signatures: signatures,
	})
	return append(text, '\n'), err
}

// SignEnvelope returns the envelope with a signature by the key, which takes
// the place of one that it has by the same key.
func (k PrivateKey) SignEnvelope(ctx context.Context, e Envelope) (Envelope, error) {
	s, err := dsse.NewEnvelopeSigner(envelopeKey{k})
	if err != nil {
		return e, err
	}
	signed, err := s.SignPayload(ctx, e.PayloadType, e.Payload)
	if err != nil {
		return e, fmt.Errorf("sign: %w", err)
	}
	others := slices.DeleteFunc(slices.Clone(e.signatures), func(s dsse.Signature) bool { return s.KeyID == k.ID() })
	e.signatures = append(others, signed.Signatures...)
	e.KeyIDs = nil
	for _, s := range e.signatures {
		e.KeyIDs = append(e.KeyIDs, s.KeyID)
	}
	return e, nil
}

// envelopeKey signs as DSSE wants it: the bytes themselves, with the Ed25519 of
// minisign's key. A signature of minisign is over 64 bytes of a hash, or over
// such a signature with a comment behind it: none of them can be taken for one
// of an envelope, which begins with DSSEv1.
type envelopeKey struct{ k PrivateKey }

func (e envelopeKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	key, err := e.k.raw()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, data), nil
}

func (e envelopeKey) KeyID() (string, error) { return e.k.ID(), nil }

// Verify checks that the key signed the envelope.
func (e Envelope) Verify(key PublicKey) error {
	if len(e.signatures) == 0 {
		return ErrUnsigned
	}
	data := dsse.PAE(e.PayloadType, e.Payload)
	named := false
	for _, s := range e.signatures {
		sig, err := decode(s.Sig)
		if err == nil && len(sig) == ed25519.SignatureSize && ed25519.Verify(key.raw(), data, sig) {
			return nil // the number of the key is a hint, and not signed
		}
		named = named || s.KeyID == key.ID()
	}
	if named {
		return ErrChanged
	}
	return ErrOtherKey
}

package cli

import (
	"context"
	"time"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/signing"
)

// sealer tells of artifacts where they come from, and signs them.
type sealer struct {
	config *config.Config
	// key is nil if nothing is signed.
	key     *signing.PrivateKey
	started time.Time
}

// sealer reads the key, before anything is built.
func (a *app) sealer(ctx context.Context, c *config.Config) (*sealer, error) {
	s := &sealer{config: c, started: time.Now()}
	if c.Sign == nil {
		return s, nil
	}
	key, err := a.open(ctx, keyPlace{
		path: c.Sign.Key, passwordFile: c.Sign.PasswordFile, passwordEnv: c.Sign.PasswordEnv, at: &c.Sign.KeyRange, passwordAt: &c.Sign.PasswordRange,
	})
	if err != nil {
		return nil, err
	}
	s.key = &key
	return s, nil
}

// provenance returns what makes envelopes; nil if none is wanted.
func (s *sealer) provenance() func(context.Context, provenance.Facts) ([]byte, error) {
	p := s.config.Provenance
	if p == nil {
		return nil
	}
	return func(ctx context.Context, f provenance.Facts) ([]byte, error) {
		f.BuilderID, f.Invocation = p.Builder, p.Invocation
		if p.Time {
			f.Started, f.Finished = s.started, time.Now()
		}
		statement, err := f.Statement()
		if err != nil {
			return nil, err
		}
		e := signing.NewEnvelope(provenance.PayloadType, statement)
		if s.key != nil {
			if e, err = s.key.SignEnvelope(ctx, e); err != nil {
				return nil, err
			}
		}
		return e.Encode()
	}
}

// sign signs the artifacts of a build, and notes where the signatures are.
func (s *sealer) sign(ctx context.Context, view event.Sink, artifacts []event.Artifact) error {
	if s.key == nil || len(artifacts) == 0 {
		return nil
	}
	return told(ctx, view, event.Event{Step: "sign"}, func(event.Event) (string, error) {
		for i := range artifacts {
			made, err := s.key.SignArtifact(ctx, artifacts[i].Path, s.config.Sign.Comment)
			if err != nil {
				return "", err
			}
			artifacts[i].Signature = made.Signature
			if made.Sums != "" {
				artifacts[i].Sums = made.Sums
			}
		}
		return "key " + s.key.ID(), nil
	})
}

package cli

import (
	"log/slog"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/archive"
	"github.com/mkmini/mkmini/core/toolchain/hostcheck"
	"github.com/mkmini/mkmini/core/toolchain/image"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
)

// unpackers returns what brings compilers that are unpacked as they are, by
// the kind of `from` block: from archives and from container images.
func (a *app) unpackers(st *store.Store, logger *slog.Logger) map[string]toolchain.Provider {
	host, err := hostcheck.This()
	if err != nil {
		logger.Warn("compilers aren't checked for whether this machine can run them", "reason", err)
	}
	fetcher := a.fetcher(st, logger)
	keeper := &unpacked.Keeper{Store: st, Logger: logger}
	return map[string]toolchain.Provider{
		"archive": &archive.Provider{Keeper: keeper, Fetcher: fetcher, Blobs: st.Sub("sources"), Host: host},
		"oci": &image.Provider{
			Keeper: keeper, Blobs: st.Sub("sources"), Names: st.Sub("images"), Host: host,
			Reader: &oci.Reader{Fetcher: *fetcher, Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}},
		},
	}
}

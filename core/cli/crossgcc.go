package cli

import (
	"log/slog"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/crossgcc"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
)

// builder returns what builds compilers from source.
func (a *app) builder(st *store.Store, logger *slog.Logger) toolchain.Provider {
	return &crossgcc.Provider{
		Keeper: &unpacked.Keeper{Store: st, Logger: logger}, Fetcher: a.fetcher(st, logger),
		Apt:   a.binaries(st, logger),
		Blobs: st.Sub("sources"), Jobs: a.jobs(), Logger: logger,
	}
}

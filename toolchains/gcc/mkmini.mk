# Read by make after busybox's own Makefile, whose variables and rules it uses.

ifeq ($(config-targets),1)

# `make oldconfig` without the second run of make that writes .kernelrelease,
# which the build writes anyway.
PHONY += mkminiconfig
mkminiconfig: scripts_basic outputmakefile gen_build_files FORCE
	$(Q)mkdir -p include
	$(Q)$(MAKE) $(build)=scripts/kconfig oldconfig

else

# Configuring has generated these a moment ago; the recipes would do it again.
gen_build_files: ; @:
include/autoconf.h: ; @:

# How many objects there are, from the same lists that kbuild builds from.
# Each folder's Kbuild is read by a make of its own: their variables clash.
$(info mkmini total $(shell MAKEFLAGS= $(MAKE) -s --no-print-directory \
	-f $(objtree)/mkmini-count.mk srctree=$(srctree) dirs="$(busybox-dirs)"))

# All that gets linked, and how. The link itself is mkmini's.
PHONY += mkmini-objects
mkmini-objects: $(busybox-all) busybox.links
	$(file >mkmini-link.vars,CC=$(CC))
	$(file >>mkmini-link.vars,CFLAGS=$(CFLAGS) $(CFLAGS_busybox))
	$(file >>mkmini-link.vars,LDFLAGS=$(LDFLAGS) $(EXTRA_LDFLAGS))
	$(file >>mkmini-link.vars,OBJECTS=$(core-y))
	$(file >>mkmini-link.vars,ARCHIVES=$(libs-y))
	$(file >>mkmini-link.vars,LDLIBS=$(LDLIBS))
	$(file >>mkmini-link.vars,EXTRA_LDLIBS=$(CONFIG_EXTRA_LDLIBS))
	@:

# Every compile includes autoconf.h first, so a precompiled header under that
# name that holds libbb.h too serves all that begin with libbb.h. gcc itself
# takes the real autoconf.h where it doesn't fit: for other options, and for
# files that are compiled with -DMKMINI_NO_PCH, which the header asks for.
ifeq ($(MKMINI_PCH),y)
PHONY += mkmini-pch
$(busybox-dirs): mkmini-pch
mkmini-pch: prepare scripts
	$(Q)printf '#ifdef MKMINI_NO_PCH\n#endif\n#include "libbb.h"\n' >mkmini-pch.h
	$(Q)$(CC) $(NOSTDINC_FLAGS) $(CPPFLAGS) $(CFLAGS) $(EXTRA_CFLAGS) -x c-header \
		-o include/mkmini.gch mkmini-pch.h && \
		mv include/mkmini.gch include/autoconf.h.gch || \
		echo "mkmini: no precompiled header"
endif

endif

.PHONY: $(PHONY)

# Prints how many objects the Kbuild files of $(dirs) list.
-include .config

objects :=

define read
obj-y :=
lib-y :=
-include $(if $(wildcard $(1)/Kbuild),$(1)/Kbuild,$(srctree)/$(1)/Kbuild)
objects += $$(addprefix $(1)/,$$(sort $$(filter %.o,$$(obj-y) $$(lib-y))))
endef

$(foreach dir,$(dirs),$(eval $(call read,$(dir))))

.PHONY: mkmini-count
.DEFAULT_GOAL := mkmini-count
mkmini-count:
	@echo $(words $(objects))

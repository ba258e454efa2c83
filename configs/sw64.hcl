# A mini Linux for sw64 (Sunway, ShenWei): a static busybox and a few folders.
#
#   mkmini -c sw64.hcl --var swgcc=/path/to/the/compiler
#
# The compiler comes from the vendor. On a sw64 machine with gcc, and where
# the compiler is on PATH or in one of the vendor's usual folders, --var is
# not needed.
#
# Copy this file and change it. Every setting is explained in
# docs/reference/configuration.md.

variable "swgcc" {
  type        = string
  default     = null
  description = "The folder of the vendor's compiler, for example /usr/sw/swgcc830_cross_tools."
}

# The first part of every file name that is written.
name = "minios"

# The places are tried in the order written. Without a value for swgcc the
# first one is passed over.
toolchain "sw64" {
  from "path" { dir = var.swgcc }
  from "host" {}
}

# What comes on top of busybox and the standard folders.
rootfs {
  file "/etc/motd" {
    content = "Welcome to ${name} on ${arch}.\n"
  }
}

# For docker: docker load -i out/minios-sw64.docker.tar
export "docker" {
  tag = "minios:latest"
}

# For podman, skopeo, umoci and registries: the folder out/minios.oci.
export "oci" {
  tag = "minios:latest"
}

# The root file system as an archive: out/minios-sw64.tar.gz.
export "rootfs" {
  format = "tar.gz"
}

# An initramfs that a kernel boots, or has built into it:
# out/minios-sw64.cpio.gz.
export "rootfs" {
  format = "cpio.gz"
}

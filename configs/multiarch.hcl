# One mini Linux for x86_64, aarch64 and sw64, from one file.
#
#   mkmini -c multiarch.hcl
#   mkmini -c multiarch.hcl --only x86_64 --only aarch64
#
# Copy this file and change it. Every setting is explained in
# docs/reference/configuration.md.

variable "swgcc" {
  type        = string
  default     = null
  description = "The folder of the vendor's sw64 compiler, for example /usr/sw/swgcc830_cross_tools."
}

# The first part of every file name that is written.
name = "minios"

# One block for each architecture. A compiler of this machine is used where
# there is one; on Debian and Ubuntu it is otherwise fetched from the
# distribution's packages, without root, and kept in mkmini's own store.
toolchain "x86_64" {}
toolchain "aarch64" {}

# The places are tried in the order written. Without a value for swgcc the
# first one is passed over.
toolchain "sw64" {
  from "path" { dir = var.swgcc }
  from "host" {}
}

# This is evaluated once for each architecture, with its name in ${arch}.
rootfs {
  file "/etc/motd" {
    content = "Welcome to ${name} on ${arch}.\n"
  }
}

# One tar for each architecture: out/minios-x86_64.docker.tar and so on.
export "docker" {
  tag = "minios:${arch}"
}

# One folder for all of them, out/minios.oci: whoever runs the image gets the
# right architecture.
export "oci" {
  tag = "minios:latest"
}

# Root file systems: out/minios-x86_64.tar.gz and so on.
export "rootfs" {
  format = "tar.gz"
}

# Initramfs: out/minios-x86_64.cpio.gz and so on.
export "rootfs" {
  format = "cpio.gz"
}

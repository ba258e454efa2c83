# A mini Linux for aarch64 (arm64): a static busybox and a few folders.
#
#   mkmini -c aarch64.hcl
#
# Copy this file and change it. Every setting is explained in
# docs/reference/configuration.md.

# The first part of every file name that is written.
name = "minios"

# One block for each architecture. A compiler of this machine is used where
# there is one: aarch64-linux-gnu-gcc, or plain gcc on an aarch64 machine. On
# Debian and Ubuntu it is otherwise fetched from the distribution's packages,
# without root, and kept in mkmini's own store.
toolchain "aarch64" {}

# What comes on top of busybox and the standard folders.
rootfs {
  file "/etc/motd" {
    content = "Welcome to ${name} on ${arch}.\n"
  }
}

# For docker: docker load -i out/minios-aarch64.docker.tar
export "docker" {
  tag = "minios:latest"
}

# For podman, skopeo, umoci and registries: the folder out/minios.oci.
export "oci" {
  tag = "minios:latest"
}

# The root file system as an archive: out/minios-aarch64.tar.gz.
export "rootfs" {
  format = "tar.gz"
}

# An initramfs that a kernel boots: out/minios-aarch64.cpio.gz.
export "rootfs" {
  format = "cpio.gz"
}

# A mini Linux for x86_64: a static busybox and a few folders.
#
#   mkmini -c x86_64.hcl
#
# Copy this file and change it. Every setting is explained in
# docs/reference/configuration.md.

# The first part of every file name that is written.
name = "minios"

# One block for each architecture. The compiler of this machine is used:
# x86_64-linux-gnu-gcc, or plain gcc on an x86_64 machine. On another machine
# with Debian or Ubuntu it is otherwise fetched from the distribution's
# packages, without root, and kept in mkmini's own store.
toolchain "x86_64" {}

# What comes on top of busybox and the standard folders.
rootfs {
  file "/etc/motd" {
    content = "Welcome to ${name} on ${arch}.\n"
  }
}

# For docker: docker load -i out/minios-x86_64.docker.tar
export "docker" {
  tag = "minios:latest"
}

# For podman, skopeo, umoci and registries: the folder out/minios.oci.
export "oci" {
  tag = "minios:latest"
}

# The root file system as an archive: out/minios-x86_64.tar.gz.
export "rootfs" {
  format = "tar.gz"
}

# An initramfs that a kernel boots: out/minios-x86_64.cpio.gz.
export "rootfs" {
  format = "cpio.gz"
}

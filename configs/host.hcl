# A mini Linux with commands of the machine that it is made on: busybox, and
# over it bash and coreutils as the machine has them, with their libraries.
#
#   mkmini -c host.hcl
#
# Copy this file and change it. docs/host.md tells what comes along with what
# is named here, and every setting is explained in
# docs/reference/configuration.md.

# The first part of every file name that is written.
name = "minios"

# The architecture must be that of this machine, or of the system in root.
toolchain "x86_64" {}

rootfs {
  # Commands of the machine, with all that they need to run.
  host {
    commands = ["bash", "ls", "cp", "sort", "date"]
  }

  # Packages of a system in a folder, such as debootstrap makes one:
  #
  # host {
  #   root     = "bookworm"
  #   packages = ["coreutils", "procps"]
  #   exclude  = ["/usr/share/{doc,info,locale,man}"]
  # }
}

# For docker: docker load -i out/minios-x86_64.docker.tar
export "docker" {
  tag = "minios:latest"
  cmd = ["/bin/bash"]
}

# For podman, skopeo, umoci and registries: the folder out/minios.oci.
export "oci" {
  tag = "minios:latest"
  cmd = ["/bin/bash"]
}

# The root file system as an archive: out/minios-x86_64.tar.gz.
export "rootfs" {
  format = "tar.gz"
}

# An initramfs that a kernel boots: out/minios-x86_64.cpio.gz.
export "rootfs" {
  format = "cpio.gz"
}

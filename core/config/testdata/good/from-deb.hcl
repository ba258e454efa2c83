export "docker" {}
toolchain "aarch64" {
  from "host" {}
  from "deb" {}
  from "deb" {
    packages = ["gcc-12-${arch}-linux-gnu", "libc6-dev-arm64-cross", "g++"]
    suite    = "bookworm"
  }
  from "deb" {
    packages = null
    suite    = null
  }
}

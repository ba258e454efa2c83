toolchain "x86_64" {
  from "archive" { url = "https://vendor.example/gcc.tar.xz" }
  from "archive" {
    url    = "https://vendor.example/gcc.tar.xz"
    sha256 = "abc"
  }
}
export "docker" {}

toolchain "x86_64" {
  from "archive" {
    file   = "gcc.tar.xz"
    strip  = -1
    bin    = "../bin"
    prefix = "usr/"
  }
  from "archive" {
    urls   = ["ftp://vendor.example/gcc.tar.xz"]
    sha256 = "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"
    bin    = "/usr/bin"
    strip  = 1.5
  }
}
export "docker" {}

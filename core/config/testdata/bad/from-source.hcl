toolchain "aarch64" {
  from "source" {
    target = "aarch64-linux-gnu"
    binutils "2.40" {}
    binutils {
      deb    = "binutils-source"
      sha256 = "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"
    }
    binutils {}
    gcc {
      url     = "https://vendor.example/gcc-13.2.0.tar.xz"
      options = ["with-arch"]
      patches = ["none/*.patch", "none.patch"]
    }
    linux {
      deb     = "Linux!"
      options = ["--headers"]
    }
    musl { version = "1.2.99" }
    glibc { deb = "glibc-source" }
    newlib {}
  }
  from "source" {
    target = "aarch64-linux-gnu"
    gcc { sha256 = "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4" }
    linux {
      file   = "none.tar"
      sha256 = "33"
    }
    musl { deb = "musl" }
  }
  from "source" {
    target = "aarch64-linux-musl"
    glibc { version = "2.36" }
  }
}
toolchain "sw64" {
  from "source" {}
}
toolchain "loongarch64" {
  from "source" {
    musl { version = "1.2.3" }
  }
}
export "docker" {}

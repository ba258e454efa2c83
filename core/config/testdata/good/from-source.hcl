# The parts of a compiler: by default, in packages, on this machine, elsewhere.
toolchain "aarch64" {
  from "source" {}
  from "source" {
    target = "aarch64-vendor-linux-musl"
    binutils {
      deb     = "binutils-source"
      patches = ["files/patches/*.patch", "files/patches/a.patch"]
    }
    gcc {
      url     = "https://vendor.example/gcc-13.2.0.tar.xz"
      urls    = ["https://mirror.example/gcc-13.2.0.tar.xz"]
      sha256  = "3311DFF32E746499F4DF0D5DF04D7EB396382D7E108BB9250E7B519B837043A4"
      options = ["--with-arch=armv8.2-a", "CFLAGS=-O2"]
    }
    linux { file = "files/patches/a.patch" }
    musl {
      version = "1.2.5"
      url     = "https://mirror.example/musl-1.2.5.tar.gz"
    }
  }
  from "source" {
    binutils {
      source = "binutils"
      sha256 = "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"
    }
  }
}
toolchain "sw64" {
  from "source" {
    glibc {}
  }
  from "source" {
    target = "sw_64-vendor-linux-gnu"
    glibc {
      deb     = "glibc-source"
      patches = ["files/patches/a.patch"]
      options = ["--enable-kernel=4.4"]
    }
  }
}
toolchain "loongarch64" {
  from "source" {}
}
export "docker" {}

toolchain "x86_64" {}

rootfs {
  layer "app" {
    file "/srv/data" { content = "1" }
    layer "inner" {}
    mode = "0644"
  }
  layer "app" {
    file "/srv/data" { content = "2" }
  }
  layer "base" {}
  layer "two words" {}
  layer {}
}

export "docker" {}

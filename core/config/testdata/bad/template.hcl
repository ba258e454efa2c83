toolchain "x86_64" {}
export "docker" {}

variable "token" {
  default   = "secret"
  sensitive = true
}

rootfs {
  file "/vars" {
    content = ""
    vars    = { a = 1 }
  }
  file "/both" {
    content  = ""
    template = "hello.tmpl"
  }
  file "/missing" { template = "nothing.tmpl" }
  file "/list" {
    template = "hello.tmpl"
    vars     = ["a"]
  }
  file "/name" {
    template = "hello.tmpl"
    vars     = { "not a name" = 1 }
  }
  file "/unknown" {
    template = "hello.tmpl"
    vars     = { nam = "x" }
  }
  file "/secret" {
    template = "hello.tmpl"
    vars     = { name = [var.token] }
  }
  file "/binary" { template = "binary.hcl" }
  file "/folder" { template = "nothing.d" }
}

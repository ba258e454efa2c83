toolchain "x86_64" {}
export "docker" {}

variable "token" {
  default   = "secret"
  sensitive = true
}

rootfs {
  file "/list/${each.key}" {
    for_each = ["a", "b"]
    content  = each.value
  }
  file "/number/${each.key}" {
    for_each = 5
    content  = ""
  }
  file "/numbers/${each.key}" {
    for_each = toset([1, 2])
    content  = ""
  }
  file "/null/${each.key}" {
    for_each = null
    content  = ""
  }
  file "/nulls/${each.key}" {
    for_each = toset(["a", null])
    content  = ""
  }
  file "/secret/${each.key}" {
    for_each = toset([var.token])
    content  = ""
  }
  file "/self/${each.key}" {
    for_each = { a = each.key }
    content  = ""
  }
  file "/without/${each.key}" {
    content = each.value
  }
  file "/same" {
    for_each = toset(["a", "b"])
    content  = each.value
  }
  file "/typo/${each.kye}" {
    for_each = toset(["a", "b"])
    content  = each.value
  }
  file "/member/${each.key}" {
    for_each = { a = { port = 1, home = "x" } }
    content  = each.value.prot
    mode     = try(each.value.mode, "0600")
  }
  file "/path/${each.key}" {
    for_each = toset(["../x", "ok", "b/"])
    content  = ""
  }
  file "/label/${var.token}" { content = "" }
  directory "/unknown/${arhc}" {}
  user "${each.key}" { for_each = toset(["Bad Name"]) }
  file "/other/${each.key}" {
    for_each = { a = 1 }
    content  = "x"
    contents = "y"
    mode     = "9"
  }
  file "/below" { content = "" }
  file "/below/${each.key}" {
    for_each = toset(["x"])
    content  = ""
  }
  foreach "x" {}
  file "/attr" {
    foreach = {}
    content = ""
  }
}

# --var debug=true
# --var-file null.vars.hcl
name = null
variable "debug" {
  type = bool
}
variable "any" {
  type    = any
  default = [1, "x"]
}
variable "level" {
  type     = number
  nullable = false
  default  = 4
}
toolchain "vendor64" { licence = "file-${var.debug ? "debug" : "release"}-${var.level}-${length(var.any)}" }
busybox {
  applets { only = ["ash", "ls"] }
}
export "docker" {
  user = try(jsondecode("{}").missing, "nobody")
  tag  = "${name}:${can(var.any[5])}"
}

locals {
  n      = 1
  format = "dir"
}

plugins {
  signature = "required"
}

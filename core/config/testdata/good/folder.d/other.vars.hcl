nor = this

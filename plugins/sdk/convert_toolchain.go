package sdk

import (
	pluginv1 "github.com/mkmini/mkmini/plugins/proto/mkmini/v1"
)

func toolchainInfoToProto(i ToolchainInfo) *pluginv1.ToolchainInfo {
	return &pluginv1.ToolchainInfo{
		Arch:         i.Arch,
		Description:  text(i.Description),
		Triplets:     i.Triplets,
		HostMachines: i.HostMachines,
		Elf: &pluginv1.Elf{
			Bits:      int64(i.ELF.Bits),
			BigEndian: i.ELF.BigEndian,
			Machines:  each(i.ELF.Machines, func(m uint16) uint32 { return uint32(m) }),
			FlagsMask: i.ELF.FlagsMask,
			Flags:     i.ELF.Flags,
		},
		Platform:   platformToProto(i.Platform),
		KernelArch: i.KernelArch,
		Packages:   i.Packages,
		Places:     i.Places,
		Emulators:  i.Emulators,
		Lookalikes: i.Lookalikes,
		CpuFlag:    i.CPUFlag,
		DebianArch: i.DebianArch,
		Cflags:     i.CFlags,
		Ldflags:    i.LDFlags,
		Settings:   i.Settings,
		Musl:       i.Musl,
		GccOptions: i.GCCOptions,
		Boot:       bootToProto(i.Boot),
		Attributes: each(i.Attributes, attributeToProto),
	}
}

func toolchainInfoFromProto(i *pluginv1.ToolchainInfo) ToolchainInfo {
	return ToolchainInfo{
		Arch:         i.GetArch(),
		Description:  i.GetDescription(),
		Triplets:     i.GetTriplets(),
		HostMachines: i.GetHostMachines(),
		ELF: ELF{
			Bits:      int(i.GetElf().GetBits()),
			BigEndian: i.GetElf().GetBigEndian(),
			Machines:  each(i.GetElf().GetMachines(), func(m uint32) uint16 { return uint16(m) }),
			FlagsMask: i.GetElf().GetFlagsMask(),
			Flags:     i.GetElf().GetFlags(),
		},
		Platform:   platformFromProto(i.GetPlatform()),
		KernelArch: i.GetKernelArch(),
		Packages:   i.GetPackages(),
		Places:     i.GetPlaces(),
		Emulators:  i.GetEmulators(),
		Lookalikes: i.GetLookalikes(),
		CPUFlag:    i.GetCpuFlag(),
		DebianArch: i.GetDebianArch(),
		CFlags:     i.GetCflags(),
		LDFlags:    i.GetLdflags(),
		Settings:   i.GetSettings(),
		Musl:       i.GetMusl(),
		GCCOptions: i.GetGccOptions(),
		Boot:       bootFromProto(i.GetBoot()),
		Attributes: each(i.GetAttributes(), attributeFromProto),
	}
}

func probeRequestToProto(r ProbeRequest) *pluginv1.ProbeRequest {
	return &pluginv1.ProbeRequest{
		Cc:             r.CC,
		Prefix:         r.Prefix,
		AttributesJson: r.Attributes,
		Libc:           r.Libc,
		Emulator:       r.Emulator,
		WorkDir:        r.WorkDir,
	}
}

func probeRequestFromProto(r *pluginv1.ProbeRequest) ProbeRequest {
	return ProbeRequest{
		CC:         r.GetCc(),
		Prefix:     r.GetPrefix(),
		Attributes: rawJSON(r.GetAttributesJson()),
		Libc:       r.GetLibc(),
		Emulator:   r.GetEmulator(),
		WorkDir:    r.GetWorkDir(),
	}
}

func compilerToProto(c Compiler) *pluginv1.Compiler {
	return &pluginv1.Compiler{
		Cc:       c.CC,
		Prefix:   c.Prefix,
		Libc:     c.Libc,
		Cflags:   c.CFlags,
		Ldflags:  c.LDFlags,
		Target:   text(c.Target),
		Version:  text(c.Version),
		Emulator: c.Emulator,
		CanRun:   c.CanRun,
		Facts:    each(c.Facts, factToProto),
		Files:    c.Files,
		Shared:   c.Shared,
	}
}

func compilerFromProto(c *pluginv1.Compiler) Compiler {
	return Compiler{
		CC:       c.GetCc(),
		Prefix:   c.GetPrefix(),
		Libc:     c.GetLibc(),
		CFlags:   c.GetCflags(),
		LDFlags:  c.GetLdflags(),
		Target:   c.GetTarget(),
		Version:  c.GetVersion(),
		Emulator: c.GetEmulator(),
		CanRun:   c.GetCanRun(),
		Facts:    each(c.GetFacts(), factFromProto),
		Files:    c.GetFiles(),
		Shared:   c.GetShared(),
	}
}

func factToProto(f Fact) *pluginv1.Fact {
	return &pluginv1.Fact{Name: f.Name, Value: text(f.Value), Status: string(f.Status), Remedy: text(f.Remedy)}
}

func factFromProto(f *pluginv1.Fact) Fact {
	return Fact{Name: f.GetName(), Value: f.GetValue(), Status: Status(f.GetStatus()), Remedy: f.GetRemedy()}
}

func buildRequestToProto(r BuildRequest) *pluginv1.BuildRequest {
	return &pluginv1.BuildRequest{
		Compiler:       compilerToProto(r.Compiler),
		AttributesJson: r.Attributes,
		Version:        r.Version,
		SourceDir:      r.SourceDir,
		WorkDir:        r.WorkDir,
		OutDir:         r.OutDir,
		Config:         r.Config,
		Set:            r.Set,
		Only:           r.Only,
		Without:        r.Without,
		Jobs:           int64(r.Jobs),
		Epoch:          epochToProto(r.Epoch),
		Dynamic:        r.Dynamic,
	}
}

func buildRequestFromProto(r *pluginv1.BuildRequest) BuildRequest {
	return BuildRequest{
		Compiler:   compilerFromProto(r.GetCompiler()),
		Attributes: rawJSON(r.GetAttributesJson()),
		Version:    r.GetVersion(),
		SourceDir:  r.GetSourceDir(),
		WorkDir:    r.GetWorkDir(),
		OutDir:     r.GetOutDir(),
		Config:     r.GetConfig(),
		Set:        r.GetSet(),
		Only:       r.GetOnly(),
		Without:    r.GetWithout(),
		Jobs:       int(r.GetJobs()),
		Epoch:      epochFromProto(r.GetEpoch()),
		Dynamic:    r.GetDynamic(),
	}
}

func buildResultToProto(r BuildResult) *pluginv1.BuildResult {
	return &pluginv1.BuildResult{
		Tree:      r.Tree,
		Config:    r.Config,
		Log:       r.Log,
		Applets:   r.Applets,
		Facts:     each(r.Facts, factToProto),
		Warnings:  each(r.Warnings, diagnosticToProto),
		Sysroot:   r.Sysroot,
		Libraries: r.Libraries,
	}
}

func buildResultFromProto(r *pluginv1.BuildResult) BuildResult {
	return BuildResult{
		Tree:      r.GetTree(),
		Config:    r.GetConfig(),
		Log:       r.GetLog(),
		Applets:   r.GetApplets(),
		Facts:     each(r.GetFacts(), factFromProto),
		Warnings:  diagnosticsFromProto(r.GetWarnings()),
		Sysroot:   r.GetSysroot(),
		Libraries: r.GetLibraries(),
	}
}

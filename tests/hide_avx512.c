/* Hides AVX-512 and VNNI from Python programs, so that they compute as on a processor that has AVX2 at most.

   Preloaded (LD_PRELOAD) by `make test-avx2`. It has the kernel forbid the CPUID instruction, catches the fault
   that each use of it then raises, and answers with the processor's own words less the bits named below. Linux
   on x86-64 only, on processors that can fault on CPUID (flag cpuid_fault in /proc/cpuinfo). Other programs,
   browsers for one, are left alone: their sandboxes do not let a signal handler ask the kernel.  */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012 /* asm/prctl.h */

/* Bits of CPUID leaf 7 ("Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2A).  */
#define SUB0_EBX (1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31)
#define SUB0_ECX (1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14)
#define SUB0_EDX (1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25)
#define SUB1_EAX (1u << 4 | 1u << 5 | 1u << 21 | 1u << 23)
#define SUB1_EDX (1u << 4 | 1u << 5 | 1u << 10 | 1u << 19)

typedef int sigaction_type(int, const struct sigaction *, struct sigaction *);

static sigaction_type *the_real_sigaction(void)
{
    static sigaction_type *found;
    if (!found)
        found = (sigaction_type *)dlsym(RTLD_NEXT, "sigaction");
    return found;
}

static int active;
static struct sigaction theirs; /* what the program itself wants done on SIGSEGV */

static long allow_cpuid(long allowed)
{
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, allowed);
}

static void answer_cpuid(greg_t *registers)
{
    unsigned leaf = registers[REG_RAX], sub = registers[REG_RCX];
    unsigned a = leaf, b = 0, c = sub, d = 0;

    allow_cpuid(1);
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    allow_cpuid(0);
    if (leaf == 7 && sub == 0) {
        b &= ~SUB0_EBX;
        c &= ~SUB0_ECX;
        d &= ~SUB0_EDX;
    } else if (leaf == 7 && sub == 1) {
        a &= ~SUB1_EAX;
        d &= ~SUB1_EDX;
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2; /* past the instruction */
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *instruction = (const unsigned char *)registers[REG_RIP];
    struct sigaction dies = {.sa_handler = SIG_DFL};

    if (info->si_code == SI_KERNEL && instruction[0] == 0x0f && instruction[1] == 0xa2)
        answer_cpuid(registers);
    else if (theirs.sa_flags & SA_SIGINFO)
        theirs.sa_sigaction(number, info, context);
    else if (theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN)
        theirs.sa_handler(number);
    else
        the_real_sigaction()(number, &dies, NULL); /* the instruction faults again */
}

/* Python's faulthandler and others set handlers of their own: they get the faults that are not CPUID's.  */
int sigaction(int number, const struct sigaction *wanted, struct sigaction *before)
{
    if (!active || number != SIGSEGV)
        return the_real_sigaction()(number, wanted, before);
    if (before)
        *before = theirs;
    if (wanted)
        theirs = *wanted;
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    const char *name = strrchr(program_invocation_name, '/');

    name = name ? name + 1 : program_invocation_name;
    if (strncmp(name, "python", 6) != 0)
        return;
    the_real_sigaction()(SIGSEGV, &ours, &theirs);
    active = 1;
    if (allow_cpuid(0) != 0) {
        fputs("AVX-512 cannot be hidden here: this processor or kernel has no CPUID faulting\n", stderr);
        _exit(77);
    }
}

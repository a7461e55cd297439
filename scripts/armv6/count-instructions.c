/*
 * A plugin for qemu-arm that counts the instructions a program executes, in all
 * of its threads, into a file of eight bytes that can be read at any time:
 *
 *   qemu-arm -plugin count-instructions.so,into=COUNT PROGRAM
 *
 * Blocks are counted when they are entered: a fault within one is not seen.
 * Debian ships no qemu-plugin.h; these are the few of its declarations that are
 * needed here (QEMU 7.2, include/qemu/qemu-plugin.h).
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct qemu_plugin_tb;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*on_translation)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                          void (*on_entry)(unsigned int cpu, void *data),
                                          enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);

/* Of the interface: 1 before QEMU 9, 2 since. */
EXPORTED int qemu_plugin_version = PLUGIN_VERSION;

static _Atomic uint64_t *count;

static void enter(unsigned int cpu, void *instructions)
{
    (void)cpu;
    atomic_fetch_add_explicit(count, (uintptr_t)instructions, memory_order_relaxed);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    void *instructions = (void *)(uintptr_t)qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, enter, QEMU_PLUGIN_CB_NO_REGS, instructions);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    static const char option[] = "into=";
    (void)info;
    if (argc != 1 || strncmp(argv[0], option, strlen(option)) != 0) {
        fprintf(stderr, "name the file to count into: into=COUNT\n");
        return 1;
    }
    int file = open(argv[0] + strlen(option), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, sizeof *count) != 0) {
        perror(argv[0]);
        return 1;
    }
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (count == MAP_FAILED) {
        perror(argv[0]);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}

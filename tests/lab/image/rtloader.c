/* A stand-in for the Agent's rtloader, which the package of the binary lacks. It claims a Python as long as the Agent's own
 * interpreter is in its place, and finds no module in it: Python checks do not run in the lab, everything else does.
 * The other names that the binary needs are listed from it by the build (root.py) and appended as `INERT(name)`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INERT(name) long name(void) { return 0; }

static const char *const python = "/opt/datadog-agent/embedded/bin/python3";
static char last_error[300];
static int has_failed;
static struct { const char *version, *path; } info = {"3.13.5 (lab)", "/opt/datadog-agent/embedded/lib/python3.13"};

void *_malloc(size_t size) { return malloc(size); }
void _free(void *p) { free(p); }
void rtloader_free(void *loader, void *p) { (void)loader; free(p); }
const char *get_error(const void *loader) { (void)loader; has_failed = 0; return last_error; }
int has_error(const void *loader) { (void)loader; return has_failed; }

void *make3(const char *home, const char *exe, char **error) {
    static char loader[64];
    (void)home; (void)exe;
    if (access(python, X_OK) == 0) return loader;
    if (error) *error = strdup("the Agent's own python3 is missing");
    return NULL;
}

int init(void *loader) { (void)loader; return 1; }
int add_python_path(void *loader, const char *path) { (void)loader; (void)path; return 1; }
void *get_py_info(void *loader) { (void)loader; return &info; }
void free_py_info(void *loader, void *p) { (void)loader; (void)p; }
char *get_integration_list(void *loader) { (void)loader; return strdup("[]"); }

int get_class(void *loader, const char *name, void **module, void **klass) {
    (void)loader; (void)module; (void)klass;
    snprintf(last_error, sizeof last_error, "unable to import module '%s': No module named '%s'", name, name);
    has_failed = 1;
    return 0;
}

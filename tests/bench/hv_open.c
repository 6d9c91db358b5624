/* What a libvirt connection alone takes of memory: open one and wait. hv_open LIBVIRT_URI */
#include <libvirt/libvirt.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 2 || virConnectOpen(argv[1]) == NULL)
        return 1;
    return pause();
}

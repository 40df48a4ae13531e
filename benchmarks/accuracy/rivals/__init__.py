"""What learned rates are compared with, each as a user would set it up, from a library where there is one."""

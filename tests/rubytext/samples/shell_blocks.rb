Vagrant.configure("2") do |config|
    config.vm.box = "generic/ubuntu2204"
    config.vm.synced_folder "./www", "/var/www",
        owner: "www-data",
        group: "www-data",
        mount_options: ["dmode=775", "fmode=664"]

    config.vm.provision "first", type: "shell", run: "once" do |s|
        s.inline = "apt-get update"
        s.privileged = true
    end

    config.vm.provision "second", type: "shell", run: "always" do |s|
        s.inline = <<-EOS.gsub(/^\s+/, "")
            service mysql start
            echo 'begin; select 1; end' | mysql
        EOS
        s.args = ["a", "b"]
    end

    config.vm.provision :ansible_local do |ansible|
        ansible.playbook = "site.yml"
        ansible.extra_vars = {
            user: "vagrant",
            nested: { deep: [1, 2, 3] },
        }
    end

=begin
    config.vm.provision "docker" do |d|
        d.run "nginx"
=end
    config.vm.post_up_message = "http://localhost:8080
is where it runs; the end"
end

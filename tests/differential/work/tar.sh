# Packs a tree with links and unusual files, and unpacks it again.
mkdir -p tree/deep/er
for number in $(seq 20); do echo "$number" > "tree/deep/er/$number"; done
ln -s er/1 tree/deep/link
ln tree/deep/er/2 tree/hard
mkfifo tree/pipe
mkdir tree/closed
chmod 500 tree/closed
chown -R 1:1 tree/deep/er
touch -d '2020-01-02' tree/deep
tar -czf whole.tar.gz tree
rm -r tree
tar -xzf whole.tar.gz
tar -tzf whole.tar.gz > list
tar -cf one.tar --remove-files tree/deep
tar -rf one.tar tree/hard
tar -uf one.tar tree
tar --delete -f one.tar tree/hard
mkdir out
tar -xf one.tar -C out --same-owner --xattrs
tar -xOf one.tar tree/deep/er/3 > three
gzip -k list
rm list
gunzip list.gz
(cd out && tar -cf - .) | (mkdir pipe && cd pipe && tar -xf -)
